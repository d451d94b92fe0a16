"""Every command line of README.md and docs/*.md is run, in a copy of the repository and on a real PostgreSQL with TLS.

The tables say what stands in for a placeholder, which exit status is expected where it is not 0, which commands run
until Ctrl-C, and which ones cannot be run here. Each entry has to be in the documentation.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
import trustme
import yaml
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.__main__ import parser as benchmarks_parser
from exporter.lab import migrate
from exporter.lab.postgres import programs
from exporter.lab.postgres.cluster import Cluster
from tests import webtools
from tests.end_to_end.command_lines import PAGES, ROOT, command_lines
from tests.end_to_end.program import command, environment, eventually, started
from tests.postgres import Database
from tests.requirements import require_debian, require_program

# Lines of which this file reads what can be read.
HERE: Final = "tests/end_to_end/test_command_lines.py"
LINES: Final = {page.name: command_lines(page.read_text("utf-8")) for page in PAGES}

# Placeholders, and what stands in for them. `{...}` is a field of World.
PLACEHOLDERS: Final = {
    "db.internal:5432/postgres": "localhost:{port}/postgres",
    "/var/lib/prometheus/node-exporter": "{directory}/textfiles",
    "/etc/outbox-exporter/config.yaml": "{clone}/config.yaml",
    "/etc/outbox-exporter/ca.crt": "{directory}/ca.crt",
    "/etc/outbox-exporter/password": "{directory}/password",
    "/etc/systemd/system/": "{directory}/units/",
    "/etc/default/": "{directory}/units/",
    "/run/lock/": "{directory}/",
    "/run/outbox": "{directory}/textfiles",
    "/var/backups": "{directory}/backups",
    "http://pushgateway:9091": "http://127.0.0.1:{gateway.server_port}",
    # The demo's port may be in use, and the virtual environment of the clone is that of the tests.
    'demo ARGS="--fault poison-rows"': '-o .venv/demo.stamp demo ARGS="--fault poison-rows --port 0"',
}

# Commands that run until they are interrupted. They serve /metrics.
SERVING: Final = {
    "make demo": "make -o .venv/demo.stamp demo ARGS='--port 0'",
    'make demo ARGS="--fault poison-rows"    # one of eight faults that the demo can inject': None,
    "outbox-exporter serve": None,
    "outbox-exporter --config config.yaml serve": None,
}

# What is typed at a prompt.
TYPED: Final = {r"psql -c '\password outbox_monitor'": "correct horse\ncorrect horse\n"}

# Other exit statuses than 0.
STATUS: Final = {
    "outbox-exporter watch status": 3,  # no verdict yet
    "outbox-exporter watch wait": 3,  # INCONCLUSIVE: `watch stop`, below it, ends it
    "outbox-exporter watch report --output report.html": 3,
    "outbox-exporter --config config.yaml rules backtest --since 24h --pages-per-week 2": 3,  # no samples yet
}

# Commands that go on while the next ones run.
BESIDE: Final = frozenset({"outbox-exporter watch wait"})

# Lines that need an engine or a machine, and the test that covers their content.
ELSEWHERE: Final = {
    "docker build --tag outbox-exporter .": "tests/packaging/test_dockerfile.py",
    "docker run --read-only --publish 9721:9721 --volume ./config.yaml:/config.yaml:ro --volume outbox-state:/state "
    "--env OUTBOX_EXPORTER_CONFIG=/config.yaml outbox-exporter": "tests/packaging/test_dockerfile.py",
    "docker compose up": "tests/dashboards/test_compose.py",
    "FAULT=processor-stalled docker compose up          # any fault of `outbox-exporter demo`": (
        "tests/dashboards/test_compose.py"
    ),
    "docker compose exec exporter outbox-exporter watch start": "tests/dashboards/test_compose.py",
    "docker compose down                                # removes everything": "tests/dashboards/test_compose.py",
    'make demo ARGS="--profile procrastinate"': "tests/end_to_end/test_demo_profiles.py",
    "kubectl create configmap outbox-dashboards --from-file=dashboards/outbox-overview.json "
    "--from-file=dashboards/migration-watch.json --from-file=dashboards/exporter-health.json": HERE,
    "kubectl label configmap outbox-dashboards grafana_dashboard=1": HERE,
    "pip install '.[dashboards]'": "tests/packaging/test_distribution.py",
    "systemctl enable --now outbox-exporter-sample.timer": "tests/packaging/test_systemd.py",
    "systemctl enable --now outbox-exporter.service": "tests/packaging/test_systemd.py",
    "docker run --rm --entrypoint cat outbox-exporter "
    "/opt/outbox-exporter/share/doc/outbox-exporter/sbom.cdx.json > sbom.cdx.json": (
        "tests/packaging/test_dockerfile.py"
    ),
    "gh attestation verify oci://ghcr.io/outbox-exporter/outbox-exporter:0.1.0 --owner outbox-exporter": (
        "tests/packaging/test_workflows.py"
    ),
    "kubectl apply --kustomize examples/kubernetes/overlay": "tests/packaging/test_kubernetes.py",
    "python3 -m venv /opt/outbox-exporter": "tests/packaging/test_distribution.py",
    "/opt/outbox-exporter/bin/pip install outbox-exporter": "tests/packaging/test_distribution.py",
    "/opt/outbox-exporter/bin/pip install --require-hashes --only-binary :all: --requirement requirements/run.txt": (
        "tests/packaging/test_dockerfile.py"
    ),
    "/opt/outbox-exporter/bin/pip install --no-deps outbox-exporter": "tests/packaging/test_distribution.py",
    'make bench ARGS="--against 80bb9ed --minutes 4 --reuse ~/outbox-benchmark --output results"': HERE,
}


@dataclass(frozen=True)
class World:
    """A clone, a database with the monitoring role's password in a file, and a gateway that keeps what is pushed."""

    directory: Path
    clone: Path
    port: int
    gateway: Gateway
    variables: Mapping[str, str]
    exported: dict[str, str] = field(default_factory=dict)

    def filled(self, line: str) -> str:
        """The line with its placeholders replaced."""
        for placeholder, standin in PLACEHOLDERS.items():
            line = line.replace(placeholder, standin.format(**vars(self)))
        return line

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(), **self.variables, **self.exported}

    def run_page(self, page: str) -> None:
        """Runs the lines of a page, without a history.

        The README configures by variables, the others by the clone's file.
        """
        self.exported.clear()
        shutil.rmtree(self.clone / "state", ignore_errors=True)
        if page != "README.md":
            self.exported["OUTBOX_EXPORTER_CONFIG"] = str(self.clone / "config.yaml")
        with ExitStack() as stack:
            if page == "watch.md":
                stack.enter_context(self.serving_beside())
            for line in LINES[page]:
                if line in SERVING:
                    self.serve(line)
                elif line in BESIDE:
                    stack.callback(self.start(line))
                elif line not in ELSEWHERE:
                    self.run(line)

    def run(self, line: str) -> None:
        """Runs a line to its end, as a shell does."""
        # It would install the clone into the virtual environment of the tests.
        assert not line.startswith("make "), f"{line}: name it in SERVING or ELSEWHERE"
        if line.startswith("export "):
            name, _, value = shlex.split(self.filled(line))[1].partition("=")
            self.exported[name] = value
            return
        done = subprocess.run(
            ["bash", "-c", self.filled(line)],
            cwd=self.clone, env=self.environment, input=TYPED.get(line, ""), capture_output=True, text=True, timeout=90,
            check=False, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == STATUS.get(line, 0), f"{line}\n{done.stdout}{done.stderr}"

    def start(self, line: str) -> Callable[[], None]:
        """Starts a line; the answer is a function that waits for its end."""
        process = subprocess.Popen(["bash", "-c", self.filled(line)], cwd=self.clone, env=self.environment)

        def ended() -> None:
            try:
                assert process.wait(30) == STATUS.get(line, 0), line
            finally:
                process.kill()

        return ended

    @contextmanager
    def serving_beside(self) -> Iterator[None]:
        """An exporter with the configuration of the clone, until the block ends."""
        directory = Path(tempfile.mkdtemp(dir=self.directory))
        shell = ["bash", "-c", f"cd {self.clone}; exec outbox-exporter serve"]
        with started(shell, directory, self.environment) as program:
            eventually(program.is_ready, seconds=40)
            yield

    def serve(self, line: str) -> None:
        """Runs a line until it answers, then types Ctrl-C."""
        directory = Path(tempfile.mkdtemp(dir=self.directory))
        shell = ["bash", "-c", f"cd {self.clone}; {self.filled(SERVING[line] or line)}"]
        with started(shell, directory, self.environment) as program:
            eventually(program.is_ready, seconds=40)
            assert webtools.get(f"{program.url()}/metrics").status_code == 200
            os.killpg(program.process.pid, signal.SIGINT)
            program.process.wait(20)


class Gateway(ThreadingHTTPServer):
    """Stands in for a Pushgateway: keeps the text and the path of each PUT."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Pushed)


class _Pushed(BaseHTTPRequestHandler):
    server: Gateway

    def do_PUT(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.pushed.append((self.path, text))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    for program in ("curl", "flock", "promtool"):
        require_program(program)
    with (
        tempfile.TemporaryDirectory(prefix="outbox-lines-") as name,
        encrypted_cluster(directory := Path(name)) as cluster,
        Gateway() as gateway,
    ):
        with Database(cluster, "postgres").connect() as connection:
            migrate.apply(connection)
            connection.execute((ROOT / "exporter/sql/setup/monitoring_role.sql").read_bytes())
            connection.execute((ROOT / "exporter/sql/setup/grant_migration_access.sql").read_bytes())
            connection.execute("ALTER ROLE outbox_monitor PASSWORD 'correct horse'")
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        yield _world(directory, cluster, gateway)
        gateway.shutdown()


def encrypted_cluster(directory: Path) -> Cluster:
    """A server that admits the monitoring role with TLS and its password alone, and the owner from this machine."""
    directory.chmod(0o755)  # the server runs as another user
    ca, account = trustme.CA(), programs.server_account()
    issued = ca.issue_cert("localhost")
    ca.cert_pem.write_to_path(directory / "ca.crt")
    issued.cert_chain_pems[0].write_to_path(directory / "server.crt")
    issued.private_key_pem.write_to_path(directory / "server.key")
    rules = "local all all trust\nhost all postgres all trust\nhostssl all all all scram-sha-256\n"
    (directory / "hba").write_text(rules)
    for name, mode in (("server.crt", 0o644), ("server.key", 0o600), ("hba", 0o644)):
        (directory / name).chmod(mode)
        os.chown(directory / name, account.uid, account.gid)
    settings = {
        "ssl": "on",
        "ssl_cert_file": str(directory / "server.crt"),
        "ssl_key_file": str(directory / "server.key"),
        "hba_file": str(directory / "hba"),
    }
    require_debian()
    return Cluster.debian(settings)


def _world(directory: Path, cluster: Cluster, gateway: Gateway) -> World:
    clone = directory / "clone"
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "findings", "tests", "pictures", "build", "dist", "*.egg-info"
    )
    shutil.copytree(ROOT, clone, ignore=ignored)
    (clone / ".venv").symlink_to(sys.prefix)
    for name in ("textfiles", "units", "backups"):
        (directory / name).mkdir()
    (directory / "backups" / "backup_20251118_090000.dump").write_bytes(b"PGDMP")
    passwords = directory / "pgpass"
    passwords.write_text("localhost:*:*:outbox_monitor:correct horse\n")
    passwords.chmod(0o600)
    (directory / "password").write_text("correct horse\n")
    dsn = f"postgresql://outbox_monitor@localhost:{cluster.port}/postgres?sslmode=verify-full"
    (clone / "config.yaml").write_text(yaml.safe_dump({"database": {"dsn": dsn}, "sampling": {"interval": "1s"}}))
    (clone / "smoke-dsn").write_text(cluster.dsn())
    variables = {
        "PATH": os.pathsep.join((str(Path(command()).parent), str(require_debian().bin), os.environ["PATH"])),
        "PGHOST": "localhost",
        "PGPORT": str(cluster.port),
        "PGUSER": "postgres",
        "PGPASSFILE": str(passwords),
        "PGSSLROOTCERT": str(directory / "ca.crt"),
        "OUTBOX_EXPORTER_WEB_LISTEN": "127.0.0.1:0",
    }
    return World(directory, clone, cluster.port, gateway, variables)


@pytest.mark.parametrize("page", [page for page, lines in LINES.items() if lines])
def test_the_lines_of_a_page_run(world, page):
    """One after the other, with the status that the documentation promises."""
    world.run_page(page)


def test_what_the_lines_have_written(world):
    """A sample for the textfile collector, and the same in the gateway."""
    world.run_page("one-shot.md")
    sample = (world.directory / "textfiles" / "outbox.prom").read_text()
    path, pushed = world.gateway.pushed[-1]
    assert path == "/metrics/job/outbox-exporter/instance/db1"
    assert pushed == sample
    assert "outbox_up" in {family.name for family in text_string_to_metric_families(sample)}


@pytest.mark.parametrize("line", ELSEWHERE)
def test_a_line_that_is_not_run_has_its_test(line):
    """And what can be read of it is right: files exist, the benchmarks' parser takes it."""
    assert Path(ROOT, ELSEWHERE[line]).is_file()
    named = re.findall(r"--from-file=(\S+)", line)
    assert [name for name in named if not (ROOT / name).is_file()] == []
    if line.startswith("make bench "):
        (arguments,) = re.findall(r'ARGS="(.*)"', line)
        assert benchmarks_parser().parse_args(shlex.split(arguments)).against == "80bb9ed"


def test_every_entry_is_in_the_documentation():
    """A line that has gone, or has changed, leaves no entry behind."""
    known = {line for lines in LINES.values() for line in lines}
    assert len(known) > 35
    assert {*SERVING, *TYPED, *STATUS, *BESIDE, *ELSEWHERE} - known == set()
    assert [text for text in PLACEHOLDERS if not any(text in line for line in known)] == []


def test_lines_are_found():
    """With their continuation, without prompts, output and comments; a schedule's command."""
    page = (
        "text\n```console\n$ one \\\n    two\noutput\n# three\n```\n```yaml\n$ no\n```\n"
        "```sh\n# no\nfour\n\nfive\n```\n"
        "```crontab\n*/5 * * * * root six --seven\n```\n"
    )
    assert command_lines(page) == ("one two", "three", "four", "five", "six --seven")
