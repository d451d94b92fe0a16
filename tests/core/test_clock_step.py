"""Clock steps are distinguished from slewing."""

import pytest

from exporter.core.clock_step import clock_step


@pytest.mark.parametrize(
    ("drift", "elapsed", "step"),
    [
        (0.0, 0.0, 0.0),
        (0.999, 0.0, 0.0),
        (-0.999, 0.0, 0.0),
        (1.0, 0.0, 1.0),
        (-1.0, 0.0, -1.0),
        (-7200.0, 0.0, -7200.0),
        # A day of slewing at 500 ppm moves a clock by 43.2 s.
        (44.199, 86_400.0, 0.0),
        (44.2, 86_400.0, 44.2),
        (-44.2, 86_400.0, -44.2),
    ],
)
def test_a_step_is_a_second_more_than_slewing_explains(drift, elapsed, step):
    """Forwards and backwards."""
    assert clock_step(drift, elapsed) == step
