"""Temporary clusters: connections, restarts, and removal."""

import os
import shutil
import socket
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from exporter.lab.postgres.cluster import Cluster, ClusterError
from tests.lab.waiting import is_gone, processes_of


def test_both_servers_answer_over_tcp_and_socket(cluster):
    """Loopback and the Unix socket lead to the same server, which keeps UTC."""
    for dsn in (cluster.dsn(), cluster.socket_dsn()):
        with psycopg.connect(dsn) as connection:
            assert connection.info.parameter_status("TimeZone") == "UTC"
            assert connection.info.server_version // 10_000 == cluster.major


def test_a_cluster_listens_on_loopback_alone(embedded):
    """The server is bound to 127.0.0.1 and to nothing else."""
    process = psutil.Process(embedded.pid)
    listening = {one.laddr for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", embedded.port)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to use another account")
def test_as_root_the_server_runs_unprivileged(embedded):
    """The server's user id has no name, and no system user was made for it."""
    assert psutil.Process(embedded.pid).username() == "nobody"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_keeps_address_and_data(mode):
    """After a restart in order or a crash the same address gives the same rows."""
    with Cluster.embedded() as cluster:
        with psycopg.connect(cluster.dsn()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
        address = cluster.dsn()
        cluster.restart(mode)
        assert cluster.dsn() == address
        with psycopg.connect(address) as connection:
            assert connection.execute("TABLE kept").fetchone() == (1,)


def test_a_stopped_server_refuses_and_starts_again():
    """Between stop and start no server listens; stopping twice is allowed."""
    with Cluster.embedded() as cluster:
        cluster.stop()
        cluster.stop()
        assert cluster.pid is None
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(cluster.dsn())
        cluster.start()
        psycopg.connect(cluster.dsn()).close()


def test_nothing_is_left_behind():
    """The end of the context removes server, clean-up process and directory within 5 s, with open sessions as well."""
    with Cluster.embedded() as cluster:
        directory, pid = cluster.directory, cluster.pid
        assert len(processes_of(directory)) > 1  # at least the server and the clean-up process
        session = psycopg.connect(cluster.dsn())
        started = time.monotonic()
    assert time.monotonic() - started < 5
    session.close()
    assert is_gone(directory, pid or 0)
    assert processes_of(directory) == []


def test_an_exception_inside_leaves_nothing_behind():
    """The cluster goes too when its owner fails."""
    cluster = Cluster.embedded()
    seen = []

    def fail_inside() -> None:
        with cluster:
            seen.append((cluster.directory, cluster.pid or 0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert is_gone(*seen[0])


def test_an_invalid_setting_is_reported_with_the_log(monkeypatch):
    """And nothing is left."""
    made: list[Path] = []
    remove = shutil.rmtree

    def watched(path: Path, **options: bool) -> None:
        made.append(path)
        remove(path, **options)  # type: ignore[arg-type]  # whatever its caller passes

    monkeypatch.setattr("shutil.rmtree", watched)
    with pytest.raises(ClusterError, match="shared_buffers"):
        Cluster.embedded({"shared_buffers": "nonsense"}).create()
    assert [path.name.partition("-lab-")[0] for path in made] == ["outbox"]
    assert not made[0].exists()
    assert processes_of(made[0]) == []


def test_a_port_in_use_is_replaced():
    """The cluster takes another port."""
    cluster = Cluster.embedded()
    with socket.create_server(("127.0.0.1", cluster.port)) as rival, cluster:
        assert cluster.port != rival.getsockname()[1]
        psycopg.connect(cluster.dsn()).close()


def test_before_creation_there_is_no_directory():
    """The error names the missing call."""
    with pytest.raises(ClusterError, match=r"call create\(\)"):
        _ = Cluster.embedded().directory


def test_names_and_passwords_are_quoted():
    """Special characters are encoded in the connection string."""
    info = psycopg.conninfo.conninfo_to_dict(Cluster.embedded().dsn("us er", "d/b", "p@ss:w/d%"))
    assert (info["user"], info["dbname"], info["password"]) == ("us er", "d/b", "p@ss:w/d%")
