"""One run of the demo: what is refused before anything starts."""

import pytest

from exporter.core.errors import ConfigError
from exporter.demo.default_outbox import DefaultOutbox
from exporter.demo.outbox import DemoOutbox
from exporter.demo.profile_outbox import ProfileOutbox
from exporter.demo.run import Demo


@pytest.mark.parametrize(
    ("outbox", "fault", "title"),
    [
        (DefaultOutbox(), "worker-stopped", "the default tables"),
        (ProfileOutbox("procrastinate"), "poison-rows", "procrastinate"),
        (ProfileOutbox("pgqueuer"), "gremlins", "PgQueuer"),
    ],
)
def test_the_fault_of_another_outbox_is_refused(outbox: DemoOutbox, fault: str, title: str):
    """With those that this one has."""
    with pytest.raises(ConfigError) as refused:
        Demo(outbox, 0, None, fault)
    (problem,) = refused.value.problems
    first, *others = problem.splitlines()
    assert first == f"--fault {fault}: there is no such fault of {title}; there are"
    assert [line.split(":")[0].strip() for line in others] == list(outbox.faults)
