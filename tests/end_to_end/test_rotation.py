"""Credentials that change while the exporter runs: used without a reload, counters continue, nothing shows a secret.

A real server requires SCRAM passwords. Each test changes the password of the role and ends the exporter's connection.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import pytest

from exporter.lab import migrate
from exporter.lab.postgres.cluster import Cluster
from tests import webtools
from tests.collectors import hostile
from tests.database.roles import script
from tests.end_to_end.program import Program, eventually, run, running, write_config

ROLE: Final = "outbox_monitor"
# No output has these characters by chance.
CORE: Final = "Vq7zGrault"
FAILURES: Final = "outbox_collector_failures_total"

# Prints the secret in a file on both streams, and behaves as another file says.
COMMAND: Final = """#!/bin/sh
case $(cat {0}/mode) in
  nothing) exit 0 ;;
  fails) cat {0}/secret {0}/secret >&2; cat {0}/secret; exit 7 ;;
  hangs) cat {0}/secret >&2; cat {0}/secret; sleep 600 ;;
  *) cat {0}/secret >&2; cat {0}/secret ;;
esac
"""


class Server:
    """A server with the monitoring role, whose password changes."""

    def __init__(self, cluster: Cluster) -> None:
        # A job needs no course: foreign keys are not checked.
        options = "-c session_replication_role=replica"
        self._admin = psycopg.connect(cluster.socket_dsn(), autocommit=True, options=options)
        self._address = f"host=127.0.0.1 port={cluster.port} user={ROLE} dbname=postgres"

    def dsn(self, password: str | None = None) -> str:
        return self._address + (f" password='{password}'" if password else "")

    def new_password(self) -> str:
        password = f"{CORE}-{secrets.token_hex(8)}"
        self._admin.execute(psycopg.sql.SQL("ALTER ROLE outbox_monitor PASSWORD {}").format(password))
        return password

    def end_sessions(self) -> None:
        """Ends the session of the role between two samples, if it has one; a sample that is cut would fail."""
        sessions = "SELECT state = 'idle' AND pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
        eventually(lambda: all(ended for (ended,) in self._admin.execute(sessions, (ROLE,)).fetchall()))

    def process_job(self) -> None:
        """One more job that is counted."""
        self._admin.execute(
            "INSERT INTO job_outbox (entity_id, queue_name, processed_at) VALUES (gen_random_uuid(), 'q', now())"
        )

    def close(self) -> None:
        self._admin.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Cluster.embedded() as cluster:
        with psycopg.connect(cluster.socket_dsn(), autocommit=True) as connection:
            migrate.apply(connection)
            connection.execute(script("monitoring_role").encode())
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (cluster.directory / "data" / "pg_hba.conf").write_text(rules)
        cluster.restart()
        server = Server(cluster)
        yield server
        server.close()


def config(directory: Path, **sections: Mapping[str, Any]) -> Path:
    usual: dict[str, Mapping[str, Any]] = {
        "sampling": {"interval": "300ms", "budget_ratio": 1},
        "web": {"listen": "127.0.0.1:0"},
        "log": {"level": "debug"},
    }
    return write_config(directory / "config.yaml", **{**usual, **sections})


def processed(program: Program) -> float:
    return program.scrape().get("outbox_processed_jobs_total") or 0.0


def password_file(server: Server, directory: Path) -> tuple[dict[str, Any], Callable[[str], object]]:
    return {"dsn": server.dsn(), "password_file": "password"}, (directory / "password").write_text


def dsn_file(server: Server, directory: Path) -> tuple[dict[str, Any], Callable[[str], object]]:
    return {"dsn_file": "dsn"}, lambda password: (directory / "dsn").write_text(server.dsn(password) + "\n")


def password_command(server: Server, directory: Path) -> tuple[dict[str, Any], Callable[[str], object]]:
    command = directory / "command"
    command.write_text(COMMAND.format(directory))
    command.chmod(0o755)
    replace(directory / "mode", "works")
    keys = {"dsn": server.dsn(), "password_command": [str(command)]}
    return keys, lambda password: (directory / "secret").write_text(password + "\n")


@pytest.mark.parametrize("source", [password_file, dsn_file, password_command], ids=lambda source: source.__name__)
def test_a_new_password_is_used_at_the_next_connection(server, tmp_path, source):
    """No sample fails, no reload is needed, and the counters continue."""
    database, write = source(server, tmp_path)
    write(server.new_password())
    with running(tmp_path, "--config", str(config(tmp_path, database=database)), "serve") as program:
        eventually(lambda: program.scrape().all_collectors_succeed)
        server.process_job()
        eventually(lambda: processed(program) >= 1)
        before = program.scrape()
        write(server.new_password())
        server.end_sessions()
        server.process_job()
        eventually(lambda: processed(program) == before.value("outbox_processed_jobs_total") + 1)
        now = program.scrape()
        assert now.value("outbox_up") == 1
        assert now.sum(FAILURES) == 0, [line for line in program.log.splitlines() if "sample failed" in line]
        assert now.sum("outbox_collector_runs_total") > before.sum("outbox_collector_runs_total")
        assert "reloaded" not in program.log
        seen = surfaces(program, tmp_path)
    assert leaks(seen) == []


def test_a_password_that_is_late(server, tmp_path):
    """Until the file is replaced samples fail for reason authentication; then values return within one interval."""
    database, write = password_file(server, tmp_path)
    write(server.new_password())
    # Longer than connect_timeout: a failure stands for all samples within that time.
    sections = {
        "database": {**database, "connect_timeout": "1s"},
        "sampling": {"interval": "1500ms", "budget_ratio": 1},
    }
    with running(tmp_path, "--config", str(config(tmp_path, **sections)), "serve") as program:
        eventually(lambda: program.scrape().all_collectors_succeed)
        server.process_job()
        before = eventually(lambda: processed(program))
        password = server.new_password()
        server.end_sessions()
        eventually(lambda: program.scrape().value("outbox_up") == 0)
        eventually(lambda: program.scrape().sum(FAILURES, reason="authentication"))
        failed = program.scrape()
        assert failed.sum(FAILURES) == failed.sum(FAILURES, reason="authentication")
        assert "outbox_server_in_recovery" not in failed
        assert "password authentication failed" in problems(program)
        runs = failed.value("outbox_collector_runs_total", collector="backlog")
        write(password)
        backlog = {"collector": "backlog"}
        eventually(lambda: program.scrape().value("outbox_collector_success", **backlog))
        back = program.scrape()
        assert back.value("outbox_up") == 1
        late = back.value("outbox_collector_runs_total", **backlog) - runs
        assert late <= 2, "a run that began before the change, and the one that succeeded"
        server.process_job()
        eventually(lambda: processed(program) >= before + 1)
        assert leaks(surfaces(program, tmp_path)) == []


def test_a_command_that_gives_no_password(server, tmp_path):
    """It prints nothing, fails or hangs: reason authentication, and no surface has what it printed."""
    database, write = password_command(server, tmp_path)
    password = server.new_password()
    write(password)
    path = config(tmp_path, database=database, watch={"state_dir": "state"})
    with running(tmp_path, "--config", str(path), "serve") as program:
        eventually(lambda: program.scrape().all_collectors_succeed)
        server.process_job()
        before = eventually(lambda: processed(program))
        seen = ""

        def failing(behaviour: str, message: str) -> str:
            replace(tmp_path / "mode", behaviour)
            server.end_sessions()
            eventually(lambda: f"database.password_command: the command {message}" in problems(program), 30)
            now = program.scrape()
            assert now.value("outbox_up") == 0
            assert now.sum(FAILURES) == now.sum(FAILURES, reason="authentication") > 0
            return surfaces(program, tmp_path)

        seen += failing("nothing", "printed nothing")
        seen += failing("fails", "failed with status 7")
        replace(tmp_path / "mode", "works")
        eventually(lambda: program.scrape().value("outbox_up"))
        server.process_job()
        eventually(lambda: processed(program) >= before + 1)
        seen += failing("hangs", "did not end within 10 s")
        # Neither does it delay the end, nor does it outlive it.
        left = eventually(lambda: children(program))
        assert program.end() < 5
        eventually(lambda: not any(child.is_running() for child in left))
        seen += program.log + program.printed
    replace(tmp_path / "mode", "fails")
    commands = (("sample",), ("check-config",), ("verify",))
    sampled, checked, verified = (run("--config", str(path), *command) for command in commands)
    assert (sampled.returncode, checked.returncode, verified.returncode) == (3, 1, 3)
    for answer in (sampled, checked, verified):
        printed = answer.stdout + answer.stderr
        assert "authentication: database.password_command: the command failed with status 7" in printed
        seen += printed
    assert leaks(seen) == []


def test_a_new_token_of_the_application(server, tmp_path):
    """It is sent from the next sample on; while its file is missing, the reason is authentication."""
    token, database = tmp_path / "token", server.dsn(server.new_password())
    token.write_text(f"{CORE}-first\n")
    with hostile.application() as application:
        url = {"url": f"{application.origin}/trpc", "timeout": "200ms", "bearer_token_file": "token"}
        path = config(tmp_path, database={"dsn": database}, application=url)
        with running(tmp_path, "--config", str(path), "serve") as program:
            eventually(lambda: program.scrape().sum("outbox_app_up") == 4)
            token.write_text(f"{CORE}-second")
            eventually(lambda: any(f"{CORE}-second".encode() in request for request in tuple(application.requests)))
            token.unlink()
            eventually(lambda: program.scrape().sum(FAILURES, collector="application", reason="authentication"))
            eventually(lambda: program.scrape().get("outbox_app_up", endpoint="getFSM") == 0)
            assert "application.bearer_token_file: the file cannot be read" in problems(program)
            token.write_text(f"{CORE}-third")
            eventually(lambda: program.scrape().sum("outbox_app_up") == 4)
            assert program.scrape().value("outbox_up") == 1
            assert leaks(surfaces(program, tmp_path)) == []


def test_a_changed_configuration_file(server, tmp_path):
    """With web.reload_on_change it is loaded when a link leads to another file, as Kubernetes does it."""
    database = {"dsn": server.dsn(server.new_password())}
    for name, interval in (("one", "300ms"), ("two", "400ms")):
        (tmp_path / name).mkdir()
        web = {"listen": "127.0.0.1:0", "reload_on_change": True}
        config(tmp_path / name, database=database, web=web, sampling={"interval": interval, "budget_ratio": 1})
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    with running(tmp_path, "--config", str(tmp_path / "config.yaml"), "serve") as program:
        eventually(program.is_ready)
        (tmp_path / "..new").symlink_to("two")
        (tmp_path / "..new").replace(tmp_path / "..data")
        changed = {"name": "outbox_collector_interval_seconds", "collector": "backlog"}
        eventually(lambda: program.scrape().value(**changed) == pytest.approx(0.4), 30)
        assert program.log.count("configuration reloaded") == 1
        program.end()


def replace(path: Path, text: str) -> None:
    """Replaces the file as a whole: a program that reads it meanwhile never finds it empty."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def problems(program: Program) -> str:
    return " | ".join(text for each in program.status()["collectors"] for text in each["problems"])


def children(program: Program) -> list[psutil.Process]:
    return psutil.Process(program.process.pid).children(recursive=True)


def arguments_of(process: psutil.Process) -> str:
    """Its arguments; none of a command that has ended since it was found."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def surfaces(program: Program, directory: Path) -> str:
    """Everything that others can see of a running exporter: pages, logs, its state, and arguments of processes."""
    paths = ("/", "/api/v1/status", "/api/v1/watch", "/metrics", "/-/ready", "/-/healthy", "/no")
    answers = [webtools.get(program.url() + path) for path in paths]
    state = [path.read_bytes().decode("latin-1") for path in (directory / "state").rglob("*") if path.is_file()]
    arguments = [arguments_of(each) for each in (psutil.Process(program.process.pid), *children(program))]
    return "\n".join(
        [*(f"{each.headers}{each.text}" for each in answers), *state, *arguments, program.log, program.printed]
    )


def leaks(seen: str) -> list[str]:
    """Each occurrence of a secret, with the characters around it."""
    return [seen[max(0, at - 80) : at + 80] for at in [seen.find(CORE)] if at >= 0]
