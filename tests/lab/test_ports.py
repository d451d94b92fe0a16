"""Free ports."""

from exporter.lab.ports import free_port


def test_a_free_port_is_outside_the_ephemeral_range():
    """Nothing that connects to a server that is down can be given the server's own port."""
    assert 20_000 <= free_port() < 32_000
