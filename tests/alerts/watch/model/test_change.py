"""Changes and the state that they are compared with."""

from alerts.watch.model.change import Change, ChangeKind, KnownServer


def test_the_earliest_time():
    """As far before the latest one as on the time line."""
    assert Change(ChangeKind.LOCK, "x", 1000.0, 20.0, 50.0).earliest_at == 970


def test_a_server_by_its_role_and_address():
    """Without an address over a Unix socket."""
    assert str(KnownServer(1.0, in_recovery=False, address="db:5432", seen=0.0)) == "primary db:5432"
    assert str(KnownServer(1.0, in_recovery=True, address=None, seen=0.0)) == "standby on a local socket"
