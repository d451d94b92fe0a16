"""No secret is in any output: on success and failure, in both log formats, at every level, on pages, in metrics.

The server requires SCRAM passwords; the application repeats the received token in its answers. Each secret has a core
of letters that no encoding changes and nothing else contains: each occurrence is a leak.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
import pytest

from exporter.lab import migrate
from exporter.lab.postgres.cluster import Cluster
from tests import webtools
from tests.collectors import hostile
from tests.database.roles import script
from tests.end_to_end.program import eventually, run, running, write_config

PASSWORD_CORE, WRONG_CORE, TOKEN_CORE = "Vq7zGrault", "Xw3kPlugh", "Kj9mWaldo"
CORES: Final = (PASSWORD_CORE, WRONG_CORE, TOKEN_CORE)
# Each kind of quoting (URI, key=value, YAML, JSON, shell, HTML) applies to at least one of these characters.
PASSWORD: Final = f"""p@:/?#[]% {PASSWORD_CORE} '"\\<&>ö"""
WRONG: Final = f"""{WRONG_CORE}'\\ "%2F@/é"""
TOKEN: Final = f"""{TOKEN_CORE}.-_~+/='"\\%3D<&>"""
ROLE: Final = "outbox_monitor"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """How the secrets are configured: sections of the file and variables of the environment."""

    sections: Mapping[str, dict[str, Any]]
    variables: Mapping[str, str]


def _in_the_file(port: int, password: str, _: Path) -> SecretSource:
    uri = f"postgresql://{ROLE}:{quote(password, safe='')}@127.0.0.1:{port}/postgres"
    return SecretSource({"database": {"dsn": uri}, "application": {"bearer_token": TOKEN}}, {})


def _in_secret_files(port: int, password: str, directory: Path) -> SecretSource:
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    dsn = directory / "dsn"
    dsn.write_text(f"host=127.0.0.1 port={port} user={ROLE} dbname=postgres password='{escaped}'\n")
    token = directory / "token"
    token.write_text(TOKEN)
    return SecretSource({"database": {"dsn_file": str(dsn)}, "application": {"bearer_token_file": str(token)}}, {})


def _in_the_environment(port: int, password: str, _: Path) -> SecretSource:
    libpq = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": ROLE, "PGDATABASE": "postgres"}
    token = {"OUTBOX_EXPORTER_APPLICATION_BEARER_TOKEN": TOKEN}
    return SecretSource({"application": {}}, {**libpq, "PGPASSWORD": password, **token})


SECRET_SOURCES: Final = {"file": _in_the_file, "secret files": _in_secret_files, "environment": _in_the_environment}
Configure = Callable[[str], SecretSource]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A server that requires the password of the monitoring role."""
    with Cluster.embedded() as cluster:
        with psycopg.connect(cluster.socket_dsn(), autocommit=True) as connection:
            migrate.apply(connection)
            connection.execute(script("monitoring_role").encode())
            connection.execute(psycopg.sql.SQL("ALTER ROLE outbox_monitor PASSWORD {}").format(PASSWORD))
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (cluster.directory / "data" / "pg_hba.conf").write_text(rules)
        cluster.restart()
        yield cluster


@pytest.fixture
def configured(request: pytest.FixtureRequest, server: Cluster, tmp_path: Path) -> Configure:
    """Configures a password as given by the parameter of the test."""
    return lambda password: SECRET_SOURCES[request.param](server.port, password, tmp_path)


def leaks(*texts: str) -> list[str]:
    """Each occurrence of a secret in these texts, with the characters around it."""
    return [text[max(0, at - 80) : at + 80] for text in texts for core in CORES if (at := text.find(core)) >= 0]


def pages(url: str) -> list[str]:
    """Every page that a client can read, with its headers."""
    asked = [webtools.get(url + path) for path in ("/", "/api/v1/status", "/metrics", "/-/ready", "/-/healthy", "/no")]
    asked.append(webtools.get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}))
    asked.append(webtools.ask("POST", f"{url}/-/reload"))
    return [f"{answer.headers}{answer.text}" for answer in asked]


def token_echoing_responses() -> dict[str, hostile.Behaviour]:
    """Responses that contain the token: in an error, a page, a wrong value, the name of a field, a redirect."""
    error = {"error": {"message": f"invalid token {TOKEN}", "code": -32001, "data": {"code": "UNAUTHORIZED"}}}
    value = {"result": {"data": {"initiated": f"Bearer {TOKEN}", TOKEN: 1, "succeeded": [TOKEN]}}}
    return {
        "getOutbox": hostile.respond(json.dumps(error).encode(), "401 Unauthorized"),
        "getFSM": hostile.respond(json.dumps(value).encode()),
        "getFallbacks": hostile.respond(
            b"", f"302 {TOKEN_CORE}", location=f"http://127.0.0.1:1/{quote(TOKEN, safe='')}"
        ),
        "healthCheck": hostile.respond(f"<h1>401</h1> Bearer {TOKEN} is not known".encode(), f"401 {TOKEN}"),
    }


@pytest.mark.parametrize("configured", SECRET_SOURCES, indirect=True)
def test_no_leak_on_success(configured, tmp_path):
    """The secrets are accepted and are in no output; JSON logs at level debug."""
    with hostile.application() as application:
        source = configured(PASSWORD)
        config = _config(tmp_path, source, application, log={"level": "debug", "format": "json"})
        with running(tmp_path, "--config", str(config), "serve", **source.variables) as program:
            eventually(program.is_ready)
            eventually(lambda: (now := program.scrape()).all_collectors_succeed and now.sum("outbox_app_up") == 4)
            seen = pages(program.url())
            program.process.send_signal(signal.SIGHUP)
            eventually(lambda: "configuration reloaded" in program.log)
            program.end()
        assert leaks(*seen, program.log, program.printed) == []
        assert all(json.loads(line)["event"] for line in program.log.splitlines())
        assert any(TOKEN.encode() in request for request in application.requests)
        sampled = run("--config", str(config), "sample", "--format", "json", **_variables(source))
        checked = run("--config", str(config), "check-config", **_variables(source))
    assert (sampled.returncode, checked.returncode) == (0, 0)
    assert leaks(sampled.stdout, sampled.stderr, checked.stdout, checked.stderr) == []


@pytest.mark.parametrize("configured", SECRET_SOURCES, indirect=True)
def test_no_leak_on_refusal(configured, tmp_path):
    """The server refuses the password; the application answers with the token; text logs at level debug."""
    with hostile.application(token_echoing_responses()) as application:
        source = configured(WRONG)
        config = _config(tmp_path, source, application, log={"level": "debug"})
        with running(tmp_path, "--config", str(config), "serve", **source.variables) as program:
            eventually(lambda: program.scrape().sum("outbox_collector_runs_total") >= 12)
            now = program.scrape()
            assert now.sum("outbox_up") == 0
            assert now.sum("outbox_app_up") == 0
            seen = pages(program.url())
            config.write_text(f"database: {{dsn: 'postgresql//{ROLE}:{quote(WRONG, safe='')}@h/d'}}\n")
            program.process.send_signal(signal.SIGHUP)
            eventually(lambda: "configuration not reloaded" in program.log)
            seen += pages(program.url())
            program.end()
        assert "password authentication failed" in program.log
        assert "401" in program.log
        assert leaks(*seen, program.log, program.printed) == []
        config = _config(tmp_path, source, application, log={"level": "debug"})
        answers = [
            run("--config", str(config), *command, **_variables(source)) for command in (("sample",), ("check-config",))
        ]
    # sample: unknown. check-config: the application refused the request.
    assert [answer.returncode for answer in answers] == [3, 1]
    assert all("password authentication failed" in answer.stdout + answer.stderr for answer in answers)
    assert leaks(*(answer.stdout + answer.stderr for answer in answers)) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OUTBOX_EXPORTER_DATABASE_DSN", f"postgresql//{ROLE}:{PASSWORD}@localhost/postgres"),
        ("OUTBOX_EXPORTER_DATABASE_DSN", f"host=localhost password='{PASSWORD_CORE}"),
        ("OUTBOX_EXPORTER_DATABASE_DSN_FILE", f"postgresql://{ROLE}:{PASSWORD_CORE}@localhost/postgres"),
        ("OUTBOX_EXPORTER_APPLICATION_BEARER_TOKEN", f"{TOKEN_CORE} with a space"),
        ("OUTBOX_EXPORTER_APPLICATION_BEARER_TOKEN", f"{TOKEN_CORE}\nand a line break"),
        ("OUTBOX_EXPORTER_APPLICATION_BEARER_TOKEN_FILE", TOKEN),
        ("OUTBOX_EXPORTER_APPLICATION_URL", f"http://user:{TOKEN_CORE}@localhost/trpc"),
    ],
)
def test_no_leak_from_a_wrong_configuration(variable, value):
    """The message names the variable and does not repeat its value."""
    variables = {"OUTBOX_EXPORTER_APPLICATION_URL": "http://localhost/trpc", variable: value}
    refused = run("check-config", "--offline", **variables)
    assert refused.returncode == 2
    assert variable in refused.stderr
    assert leaks(refused.stdout, refused.stderr) == []


def _variables(source: SecretSource) -> dict[str, Any]:
    return dict(source.variables)


def _config(
    directory: Path, source: SecretSource, application: hostile.HostileServer, **sections: dict[str, Any]
) -> Path:
    url = {"url": f"{application.origin}/trpc", "timeout": "200ms"}
    return write_config(
        directory / "config.yaml",
        **{
            **sections,
            **source.sections,
            "application": {**url, **source.sections["application"]},
            "sampling": {"interval": "300ms"},
            "web": {"listen": "127.0.0.1:0", "enable_reload": True},
        },
    )
