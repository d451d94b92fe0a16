"""The configuration: file and environment together, every mistake at once with its place, no secret shown."""

import re
import traceback
from dataclasses import replace
from pathlib import Path
from typing import get_args

import psycopg
import pytest
import trustme
import yaml
from psycopg import conninfo

from alerts.policy.load import override_error_in_default_policy
from alerts.policy.objective import bound_error
from alerts.watch.checks.entry_errors import errors_by_default_policy
from exporter.config import loader
from exporter.config.keys import KEYS, PREFIX, SECTIONS, secrets, variable
from exporter.config.settings import (
    AlertingSettings,
    Amount,
    ApplicationSettings,
    Config,
    DatabaseSettings,
    LogSettings,
    OutboxSettings,
    Override,
    SamplingSettings,
    WatchCheck,
    WatchSettings,
    WebSettings,
)
from exporter.config.values import format_duration
from exporter.core.errors import ConfigError, SecretUnavailable
from exporter.core.types import Address, Certificates, Ratio, Seconds, Secret, Url, WeeklyTime, Zone

BROKEN = sorted(Path(__file__).parent.glob("*.yaml"))
EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
URL = "http://localhost:3000/api/trpc"
KEY = "0123456789abcdefABCDEF0123456789"


def check_dsn(dsn: str) -> str | None:
    """Libpq's messages for the broken files."""
    try:
        conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "not a connection string that libpq understands"
    return None


CHECKS = loader.ExternalChecks(
    check_dsn, override_error_in_default_policy, {"alerting.objective_time": bound_error}, errors_by_default_policy
)


def load(path: Path | None = None, **environ: str) -> Config:
    named = {f"OUTBOX_EXPORTER_{name}": text for name, text in environ.items()}
    return loader.load(path, {"PATH": "/bin", "PGHOST": "db", **named}, CHECKS)


def problems(path: Path | None = None, **environ: str) -> list[str]:
    """The mistakes; the file, which messages have with its whole path, by its name."""
    with pytest.raises(ConfigError) as raised:
        load(path, **environ)
    lines = raised.value.problems
    if path is None:
        return list(lines)
    assert all(line.startswith((f"{path}:", PREFIX)) for line in lines)
    return [line.removeprefix(f"{path.parent}/") for line in lines]


@pytest.fixture
def write(tmp_path: Path):
    """Writes the configuration file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


def test_no_settings_mean_defaults():
    """Without file and variables everything has its default: libpq's own variables name the database."""
    assert load() == Config()


def test_an_empty_file_means_defaults(write):
    """Empty file, empty sections and null values are the same as no file."""
    assert load(write("")) == Config()
    assert load(write("database:\napplication:\nsampling: {}\nweb:\n  config_file: null\n  listen: ''\n")) == Config()


def test_every_key_of_the_file_arrives(write, tmp_path):
    """Each key of each section reaches its field, in its type and unit."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    authorities = Certificates((tmp_path / "ca.pem").read_text())
    path = write(
        "database:\n  dsn: host=db password=x\n  password: y\n  schema: outbox\n  connect_timeout: 4s\n"
        "  statement_timeout: 1m\n"
        "  lock_timeout: 250ms\n  timestamp_zone: Asia/Tokyo\n  max_replay_lag: 10m\n"
        "outbox:\n  profile: default\n  table: t\n  schema: s\n  id: [a, b]\n  created: c\n  processed: d\n"
        "  failed: e\n  error: e2\n  due: f\n  expires: g\n  last_attempt: h\n  epoch: seconds\n  attempts: i\n"
        "  max_attempts: 3\n"
        "  running: j\n  deleted: k\n  queue: l\n  status: m\n  status_pending: [n, true]\n  status_retrying: [o]\n"
        "  status_running: p, q\n  status_processed: [-1]\n  status_failed: [r]\n  status_cancelled: [r2]\n"
        "  events_table: u\n  events_job: [v, w]\n  events_type: x\n  events_at: y\n  events_queue: z\n"
        "  events_created: [a1]\n  events_processed: [a2]\n  events_failed: [a3]\n  queues_table: b1\n  queues_id: b2\n"
        "  queues_name: b3\n  is_removed_when_processed: true\n  is_cancelled_below_max_attempts: true\n"
        f"application:\n  url: {URL}/\n  bearer_token: 0123\n  timeout: 1s\n  max_bytes: 2_000\n  ca_file: ca.pem\n"
        "sampling:\n  interval: 30s\n  budget_ratio: 0.5\n  rows_per_second: 9\n  max_interval: 1h\n  count_limit: 5\n"
        "  exhausted_attempts: 3\n  label_limit: 7\n"
        "web:\n  listen: '[::]:9000'\n  config_file: web.yml\n  enable_reload: true\n  reload_on_change: true\n"
        "  external_url: http://x/y/\n"
        "watch:\n  duration: 1h\n  start: migration\n  state_dir: kept\n  checks: {fallbacks: {advisory: true}}\n"
        "alerting:\n  alertmanager_url: [http://a:9093/, http://b]\n  alertmanager_bearer_token: t\n"
        f"  pagerduty_routing_key: {KEY}\n  pagerduty_url: http://p\n  webhook_url: http://w\n"
        "  webhook_bearer_token: u\n  job: outbox\n  time_scale: 0.1\n  runbook_base_url: http://r/\n"
        "  ca_file: ca.pem\n  objective_time: 30s\n  objective_target: 0.995\n"
        "  drill: Tue 10:00 Europe/Berlin\n  drill_severity: info\n"
        "  thresholds: {OutboxStalled: {page: 10m}}\n"
        "log:\n  level: debug\n  format: json\n"
    )
    config = load(path)
    assert config == Config(
        DatabaseSettings(
            Secret("host=db password=x"),
            Secret("y"),
            "outbox",
            Seconds(4),
            Seconds(60),
            Seconds(0.25),
            Zone("Asia/Tokyo"),
            Seconds(600),
        ),
        OutboxSettings(
            "default", "t", "s", ("a", "b"), "c", "d", "e", "e2", "f", "g", "h", "seconds", "i", "3", "j", "k", "l",
            "m", ("n", "true"), ("o",), ("p", "q"), ("-1",), ("r",), ("r2",), "u", ("v", "w"), "x", "y", "z", ("a1",),
            ("a2",), ("a3",), "b1", "b2", "b3", True, True,
        ),
        ApplicationSettings(Url(URL), Secret("0123"), Seconds(1), 2000, authorities),
        SamplingSettings(Seconds(30), Ratio(0.5), 9, Seconds(3600), 5, 3, 7),
        WebSettings(Address("[::]:9000"), path.parent / "web.yml", True, True, Url("http://x/y")),
        WatchSettings(
            Seconds(3600), "migration", path.parent / "kept", (WatchCheck("fallbacks", advisory=True),)
        ),
        AlertingSettings(
            (Url("http://a:9093"), Url("http://b")), Secret("t"), Secret(KEY), Url("http://p"), Url("http://w"),
            Secret("u"), "outbox", Ratio(0.1), (Override("OutboxStalled", "page", Amount(600, is_time=True)),),
            Url("http://r"), authorities, Seconds(30), Ratio(0.995),
            WeeklyTime(1, 10, 0, Zone("Europe/Berlin")), "info",
        ),
        LogSettings("debug", "json"),
    )  # fmt: skip
    unchanged = [
        name for name, key in KEYS.items() if getattr(getattr(config, key.section), key.field.name) == key.field.default
    ]
    assert not unchanged, "this test has to give every key a value other than its default"


@pytest.mark.parametrize("path", BROKEN, ids=[path.stem for path in BROKEN])
def test_each_mistake_has_exactly_its_lines(path):
    """Every broken file gives the lines that its head expects, no more and no fewer, and shows no value."""
    expected = re.findall("^# expect: (.*)$", path.read_text(), re.MULTILINE)
    assert problems(path) == expected
    assert "hunter2" not in "".join(expected)


def test_ten_mistakes_are_ten_lines():
    """One message with ten located lines, an unknown and a duplicate key among them."""
    found = problems(BROKEN[0].parent / "ten_mistakes.yaml")
    assert len(found) == 10
    assert all(re.match(r"ten_mistakes\.yaml:\d+: [a-z_.]+: ", line) for line in found)
    assert any("unknown key" in line for line in found)
    assert any("given twice" in line for line in found)


def test_problems_of_file_and_environment_are_reported_together(write):
    """Mistakes of the file come first in its order, then those of the environment by name."""
    path = write("log:\n  level: loud\nsampling:\n  interval: 1\n")
    assert problems(path, WEB_LISTEN="x", DATABASE_SCHEMA="a b", SAMPLING_INTERVALL="1s", ALERTING_WEBHOOK_URL="x") == [
        "config.yaml:2: log.level: expected one of debug, info, warning, error",
        "config.yaml:4: sampling.interval: a number needs its unit: 500ms, 15s, 5m, 1h30m, 7d",
        "OUTBOX_EXPORTER_ALERTING_WEBHOOK_URL: expected a URL such as http://localhost:3000/api/trpc",
        "OUTBOX_EXPORTER_DATABASE_SCHEMA: expected a plain identifier of at most 63 bytes",
        'OUTBOX_EXPORTER_SAMPLING_INTERVALL: unknown variable; did you mean "OUTBOX_EXPORTER_SAMPLING_INTERVAL"?',
        "OUTBOX_EXPORTER_WEB_LISTEN: expected host:port, such as 0.0.0.0:9721, [::]:9721 or :9721",
    ]


def test_a_missing_file_is_a_problem(tmp_path):
    """A configured file has to exist; problems of the environment are reported with it."""
    assert problems(tmp_path / "none.yaml", X="1") == [
        "none.yaml: cannot be read: No such file or directory",
        "OUTBOX_EXPORTER_X: unknown variable",
    ]


def test_the_environment_wins(write):
    """A variable overrides the file, key by key; an empty one does not."""
    path = write("sampling:\n  interval: 20s\n  label_limit: 9\n  count_limit: 8\n")
    sampling = load(path, SAMPLING_INTERVAL="30s", SAMPLING_LABEL_LIMIT="").sampling
    assert sampling == SamplingSettings(interval=Seconds(30), label_limit=9, count_limit=8)


def test_a_variable_replaces_an_invalid_value_of_the_file(write):
    """A value that is overridden is not read, so it cannot be wrong."""
    assert load(write("log:\n  level: loud\n"), LOG_LEVEL="error").log.level == "error"


def test_every_key_has_its_variable():
    """Each key, and each secret's file, is known by its variable: none is called unknown."""
    for section in SECTIONS:
        for name in section.names:
            text = " ".join(problems(None, **{variable(section.name, name).removeprefix(PREFIX): "\x01"}))
            assert "unknown" not in text


def test_the_application_may_come_from_the_environment_alone():
    """One variable is enough to watch the application; without its URL it is missing."""
    assert load(APPLICATION_URL=URL).application == ApplicationSettings(Url(URL))
    assert problems(APPLICATION_TIMEOUT="1s") == ["OUTBOX_EXPORTER_APPLICATION_URL: missing; application needs it"]
    assert problems(APPLICATION_URL="x") == [
        "OUTBOX_EXPORTER_APPLICATION_URL: expected a URL such as http://localhost:3000/api/trpc"
    ]


def test_the_application_may_come_from_both(write):
    """The file's section and the environment's URL make one application; a broken variable is reported once."""
    path = write("application:\n  timeout: 2s\n")
    assert load(path, APPLICATION_URL=URL).application == ApplicationSettings(Url(URL), timeout=Seconds(2))
    assert len(problems(path, APPLICATION_URL="x")) == 1


def test_the_variable_that_names_the_file_is_known():
    """The command line reads OUTBOX_EXPORTER_CONFIG; it is neither a key nor a mistake."""
    assert load(CONFIG="/etc/outbox-exporter.yaml") == Config()


@pytest.mark.parametrize(
    "name",
    ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_METRICS", "PORT", "PORT_9721_TCP", "PORT_9721_TCP_PROTO",
     "PORT_9721_TCP_PORT", "PORT_9721_TCP_ADDR", "STAGING_SERVICE_HOST", "STAGING_PORT_9721_TCP"],
)  # fmt: skip
def test_variables_added_by_kubernetes_are_no_mistake(name):
    """A service called outbox-exporter puts such variables into every container; they are not ours."""
    assert load(None, **{name: "tcp://10.0.0.1:9721"}) == Config()


def test_thresholds_are_read_in_either_form(write):
    """A value alone is the threshold; keys give the threshold, the time, or both. An empty entry changes nothing."""
    path = write(
        "alerting:\n  thresholds:\n    OutboxBacklogHigh:\n      page: 2_000\n"
        "      ticket: {threshold: 900, for: 10m}\n"
        "    OutboxFailureRatioHigh: {ticket: 0.2}\n    OutboxAppUnhealthy: {ticket: {for: 1h}}\n"
        "    OutboxStalled: {page: null}\n    OutboxHeadBlocked:\n    OutboxJobsExhausted: {ticket: {}}\n"
    )
    assert load(path).alerting.thresholds == (
        Override("OutboxBacklogHigh", "page", Amount(2000)),
        Override("OutboxBacklogHigh", "ticket", Amount(900), Seconds(600)),
        Override("OutboxFailureRatioHigh", "ticket", Amount(0.2)),
        Override("OutboxAppUnhealthy", "ticket", None, Seconds(3600)),
    )


def test_thresholds_are_read_from_the_environment():
    """One line of YAML, which replaces the file's entry; its problems name the variable."""
    overrides = load(ALERTING_THRESHOLDS="{OutboxStalled: {page: 10m}}").alerting.thresholds
    assert overrides == (Override("OutboxStalled", "page", Amount(600, is_time=True)),)
    name = "OUTBOX_EXPORTER_ALERTING_THRESHOLDS"
    assert problems(ALERTING_THRESHOLDS="{OutboxStaled: {page: 10m}, OutboxStalled: {page: 1, page: 2m}}") == [
        f"{name}: OutboxStalled.page: given twice",
        f'{name}: OutboxStaled.page: unknown alert; did you mean "OutboxStalled"?',
        f"{name}: OutboxStalled.page: expected a duration such as 5m",
    ]
    assert problems(ALERTING_THRESHOLDS="{OutboxStalled: {page: 10m}") == [
        f"{name}: not valid YAML: a bracket is not closed"
    ]
    assert problems(ALERTING_THRESHOLDS="2000") == [f"{name}: expected keys and values"]
    assert problems(ALERTING_THRESHOLDS="[" * 20 + "]" * 20)[0].startswith(f"{name}: [0]")
    assert problems(ALERTING_THRESHOLDS="a\x01") == [f"{name}: holds a control character"]


def test_several_alertmanagers(write):
    """One, a list, or a text with commas between, as a variable has it."""
    both = (Url("http://a:9093"), Url("http://b:9093"))
    assert load(write("alerting:\n  alertmanager_url: http://a:9093\n")).alerting.alertmanager_url == both[:1]
    assert load(write("alerting:\n  alertmanager_url: [http://a:9093, null, http://b:9093]\n")).alerting == (
        AlertingSettings(both)
    )
    assert load(ALERTING_ALERTMANAGER_URL="http://a:9093, http://b:9093/").alerting.alertmanager_url == both
    assert len(problems(ALERTING_ALERTMANAGER_URL="http://a:9093,,")) == 2
    assert problems(write("alerting:\n  alertmanager_url: {a: http://b}\n")) == [
        "config.yaml:2: alerting.alertmanager_url: expected a single value"
    ]


@pytest.mark.parametrize("url", ["https://wiki.example/100%", "https://wiki.example/{cluster}"])
def test_links_are_uris(write, url):
    """An address that Alertmanager would refuse in every notification is refused at the start, with its place."""
    wrong = "holds a character that no URL may hold, such as { or }; percent-encode it, a % itself as %25"
    assert problems(write(f"alerting:\n  runbook_base_url: '{url}'\n")) == [
        f"config.yaml:2: alerting.runbook_base_url: {wrong}"
    ]
    assert problems(ALERTING_RUNBOOK_BASE_URL=url) == [f"OUTBOX_EXPORTER_ALERTING_RUNBOOK_BASE_URL: {wrong}"]


SECRET = "pass word: {hunter2} ünï"


def test_secrets_come_from_files_too(write, tmp_path):
    """A secret's file is read, its line break stripped: named in the file, relative to it, or in the environment."""
    (tmp_path / "dsn").write_text(f"host=db password='{SECRET}'\n")
    (tmp_path / "token").write_text("hunter2\r\n")
    path = write(f"database:\n  dsn_file: dsn\napplication:\n  url: {URL}\n  bearer_token_file: token\n")
    config = load(path)
    assert config.database.dsn.reveal() == f"host=db password='{SECRET}'"
    assert config.application is not None
    assert config.application.bearer_token is not None
    assert config.application.bearer_token.reveal() == "hunter2"
    assert load(DATABASE_DSN_FILE=str(tmp_path / "dsn")).database.dsn.reveal() == f"host=db password='{SECRET}'"


def test_a_secret_file_is_read_at_each_use(write, tmp_path):
    """A new content counts at once; a missing or wrong one is an error that names the key and shows nothing."""
    (tmp_path / "dsn").write_text("host=db password=first")
    dsn = load(write("database:\n  dsn_file: dsn\n")).database.dsn
    (tmp_path / "dsn").write_text("host=db password=second\n")
    assert (dsn.latest, dsn.reveal(), dsn.latest) == (
        "host=db password=first",
        "host=db password=second",
        "host=db password=second",
    )
    (tmp_path / "dsn").write_text("hunter2 hunter2")
    with pytest.raises(
        SecretUnavailable, match=r"^database\.dsn_file: not a connection string that libpq understands$"
    ):
        dsn.reveal()
    (tmp_path / "dsn").unlink()
    with pytest.raises(SecretUnavailable, match=r"^database\.dsn_file: the file cannot be read: No such file"):
        dsn.reveal()


def test_a_command_is_a_list_and_runs_at_its_use(write, tmp_path):
    """Loading runs nothing. In a variable the list is YAML; an empty one is the same as no command."""
    program = tmp_path / "print token"
    program.write_text(f'#!/bin/sh\ntouch {tmp_path}/ran\necho "$1"\n')
    program.chmod(0o755)
    path = write(f"database:\n  password_command: ['{program}', 'a, b $HOME']\n")
    password = load(path).database.password
    assert password is not None
    assert (password.latest, password.time_limit) == ("", 10.0)
    assert not (tmp_path / "ran").exists()
    assert password.reveal() == "a, b $HOME"
    (tmp_path / "ran").unlink()
    assert password.reveal() == "a, b $HOME"
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    variable = load(APPLICATION_URL=URL, APPLICATION_BEARER_TOKEN_COMMAND=f"['{program}', token]").application
    assert variable is not None
    assert variable.bearer_token is not None
    assert variable.bearer_token.reveal() == "token"
    (tmp_path / "ran").unlink()
    assert variable.bearer_token.reveal() == "token"
    assert not (tmp_path / "ran").exists(), "a token is used for a minute"
    assert load(write("database: {password_command: []}\n")).database.password is None


@pytest.mark.parametrize("wrong", ["vault read token", "{vault: read}"])
def test_a_command_that_is_no_list_is_refused(write, wrong):
    """A text would need a shell; it is not shown."""
    expected = "expected a list, the program and its arguments; no shell reads it"
    assert problems(write(f"database:\n  password_command: {wrong}\n")) == [
        f"config.yaml:2: database.password_command: {expected}"
    ]
    assert problems(DATABASE_PASSWORD_COMMAND=wrong) == [f"OUTBOX_EXPORTER_DATABASE_PASSWORD_COMMAND: {expected}"]


def test_a_command_needs_a_program(write):
    """An empty first item names none."""
    assert problems(write("database:\n  password_command: ['', x]\n")) == [
        "config.yaml:2: database.password_command: expected the program as the first item of the list"
    ]


def test_what_a_command_prints_is_checked(write):
    """As the secret itself would be."""
    token = load(write(f"application:\n  url: {URL}\n  bearer_token_command: [echo, two words]\n")).application
    assert token is not None
    assert token.bearer_token is not None
    with pytest.raises(SecretUnavailable) as raised:
        token.bearer_token.reveal()
    wrong = "expected a token without spaces and special characters"
    assert str(raised.value) == f"application.bearer_token_command: {wrong}"


def test_a_variable_replaces_a_secret_file(write):
    """The environment wins over the file in whatever way each gives the secret; the file is not even opened."""
    path = write("database:\n  dsn_file: missing\n")
    assert load(path, DATABASE_DSN="host=db").database.dsn.reveal() == "host=db"


def test_both_ways_at_once_are_a_problem(tmp_path):
    """A secret and its file in the same place contradict each other."""
    (tmp_path / "dsn").write_text("host=db")
    assert problems(DATABASE_DSN="host=db", DATABASE_DSN_FILE=str(tmp_path / "dsn")) == [
        "OUTBOX_EXPORTER_DATABASE_DSN_FILE: given together with OUTBOX_EXPORTER_DATABASE_DSN; keep one"
    ]


def test_secret_files_that_hold_no_secret(tmp_path):
    """Empty, huge, binary, multi-line files and directories are refused without being shown or named."""
    contents = {
        "the file is empty": b"\n",
        "the file is larger than 64 KiB": b"hunter2" * 10_000,
        "the file does not hold text": b"hunter2\xff",
        "holds a line break or another control character": b"hunter2\nhunter2\n",
        "not a connection string that libpq understands": b"hunter2 hunter2",
    }
    for number, (message, content) in enumerate(contents.items()):
        path = tmp_path / f"{number}"
        path.write_bytes(content)
        assert problems(DATABASE_DSN_FILE=str(path)) == [f"OUTBOX_EXPORTER_DATABASE_DSN_FILE: {message}"]
    assert problems(DATABASE_DSN_FILE=str(tmp_path)) == [
        "OUTBOX_EXPORTER_DATABASE_DSN_FILE: the file cannot be read: Is a directory"
    ]


def test_a_mistaken_file_name_is_not_shown(tmp_path, monkeypatch):
    """A password that was written in the place of its file's name is not logged."""
    monkeypatch.chdir(tmp_path)
    for name in ("hunter2", "x/" * 3000 + "hunter2"):
        assert "hunter2" not in "".join(problems(DATABASE_DSN_FILE=name))


TOO_LONG = (
    "has to be shorter than database.statement_timeout (1s); otherwise a lock could not be told from a slow query"
)


def test_orders_are_checked_across_sources(write):
    """Two conflicting durations are one problem, at the shorter one, wherever the other came from."""
    path = write("database:\n  lock_timeout: 2s\n")
    assert problems(path, DATABASE_STATEMENT_TIMEOUT="1s") == [
        f"config.yaml:2: database.lock_timeout: database.lock_timeout (2s) {TOO_LONG}"
    ]
    assert problems(SAMPLING_INTERVAL="4s", APPLICATION_URL=URL)[0].startswith("OUTBOX_EXPORTER_SAMPLING_INTERVAL: ")
    assert load(SAMPLING_INTERVAL="4s").sampling.interval == Seconds(4), "no application, nothing to compare"


def test_a_value_that_is_wrong_itself_is_not_compared(write):
    """A duration that could not be read gives one line, not a second one about its default."""
    path = write("database:\n  lock_timeout: 9\n  statement_timeout: 100ms\n")
    assert len(problems(path)) == 1


def test_no_secret_in_any_form(write):
    """Neither the settings nor an error, printed in whatever way, shows a secret that they know."""
    path = write("database:\n  dsn: host=db password=hunter2\napplication:\n  url: http://h\n  bearer_token: hunter2\n")
    config = load(path)
    assert "hunter2" not in f"{config} {config!r} {config.database} {config.application:} {[config.database.dsn]}"
    assert "hunter2" not in f"{replace(config.database, schema='x')}"
    for variables in (
        {"DATABASE_DSN": "hunter2 x"},
        {"WEB_LISTEN": "hunter2"},
        {"APPLICATION_URL": "http://a:hunter2@h"},
    ):
        with pytest.raises(ConfigError) as raised:
            load(path, **variables)
        error = raised.value
        shown = f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"
        assert "hunter2" not in shown


def test_every_secret_is_known(write):
    """The list of secrets is complete, and has nothing else."""
    path = write(
        f"database: {{dsn: host=db}}\napplication: {{url: {URL}, bearer_token: a}}\n"
        f"alerting: {{alertmanager_bearer_token: b, pagerduty_routing_key: {KEY}, webhook_bearer_token: c}}\n"
    )
    assert {secret.reveal() for secret in secrets(load(path))} == {"host=db", "a", "b", "c", KEY}
    assert [secret.reveal() for secret in secrets(Config())] == [""]


def test_loading_twice_is_the_same(write):
    """Loading has no memory: after a failed reload the same file gives the same settings."""
    path = write("log:\n  level: debug\n")
    first = load(path)
    path.write_text("log:\n  level: loud\n")
    assert problems(path)
    path.write_text("log:\n  level: debug\n")
    assert load(path) == first


def uncommented() -> str:
    """The example with its examples switched on: lines that begin with a bare #, without a blank behind it."""
    return re.sub(r"^( *)#(?=[a-z])", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("token", "wrong"),
    [
        ("two words", "expected a token without spaces and special characters"),
        ("schlüssel", "expected a token without spaces and special characters"),
        ("line\nbreak", "holds a line break or another control character"),
        ("tab\tinside", "holds a line break or another control character"),
    ],
)
@pytest.mark.parametrize(
    "key", ["application.bearer_token", "alerting.alertmanager_bearer_token", "alerting.webhook_bearer_token"]
)
def test_a_token_that_no_header_can_carry_is_refused(key, token, wrong):
    """By its key, without the token."""
    variable = key.replace(".", "_").upper()
    (problem,) = problems(None, **{"APPLICATION_URL": "http://localhost/trpc", variable: token})
    assert problem == f"OUTBOX_EXPORTER_{variable}: {wrong}"


def test_the_example_states_the_defaults():
    """config.example.yaml loads unchanged and equals the defaults."""
    assert load(EXAMPLE) == Config(watch=WatchSettings(state_dir=EXAMPLE.parent / "state"))


def test_the_example_names_every_key():
    """Every key of every section, and every secret's file, is in the example, and nothing else."""
    named = {(section, key) for section, keys in yaml.safe_load(uncommented()).items() for key in keys}
    assert named == {(section.name, name) for section in SECTIONS for name in section.names}


def test_the_example_gives_a_value_to_every_key_that_has_one():
    """Keys with a default show it uncommented, so that the comparison with the defaults covers them."""
    shown = yaml.safe_load(EXAMPLE.read_text())
    for path, key in KEYS.items():
        if key.section != "application" and len(key.names) == 1:  # not a secret
            assert key.field.name in shown[key.section], path


def test_the_examples_of_checks_are_right(write):
    """Each kind of change of the watch's checks."""
    section = EXAMPLE.read_text().partition("  checks: {}\n")[2].partition("\n\n")[0]
    checks = load(write("watch:\n  checks:\n" + section.replace("  #", "  ") + "\n")).watch.checks
    assert [(each.name, each.enabled, each.advisory, each.definition is None) for each in checks] == [
        ("fallbacks", True, True, True),
        ("retention", False, False, True),
        ("imports", True, False, False),
    ]


def test_checks_from_the_environment():
    """YAML on one line, as thresholds are."""
    text = "{fallbacks: {advisory: true}, backlok: {enabled: false}}"
    assert problems(WATCH_CHECKS=text) == [
        'OUTBOX_EXPORTER_WATCH_CHECKS: backlok: unknown check; did you mean "backlog"?',
    ]
    assert load(WATCH_CHECKS=text[:29] + "}").watch.checks == (WatchCheck("fallbacks", advisory=True),)


def test_the_examples_in_the_example_are_right(tmp_path):
    """Uncommented, its examples load; those of the application are the defaults."""
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "key").write_text(KEY)
    twice = r"^ *(dsn_file:.*|password_file:.*|\w*bearer_token:.*|pagerduty_routing_key:.*|\w+_command:.*)\n"
    text = re.sub(twice, "", uncommented(), flags=re.MULTILINE)
    path = tmp_path / "config.yaml"
    text = re.sub(r"ca_file: .*\.pem", "ca_file: ca.pem", text)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    path.write_text(re.sub(r"(token|key)_file:.*", r"\1_file: \1", text))
    config = load(path)
    authorities = Certificates((tmp_path / "ca.pem").read_text())
    assert config.application is not None
    assert config.application.bearer_token is not None
    assert config.application.bearer_token.reveal() == "hunter2"
    unsecret = replace(config.application, bearer_token=None)
    assert unsecret == ApplicationSettings(Url(URL), ca_file=authorities)
    assert config.database.password is not None
    assert config.database.dsn.reveal() == "postgresql://outbox_monitor@localhost:5432/postgres"
    assert config.watch == WatchSettings(state_dir=tmp_path / "state")
    assert config.alerting.pagerduty_routing_key is not None
    assert config.alerting.pagerduty_routing_key.reveal() == KEY
    silent = replace(config.database, dsn=Secret(""), password=None)
    quiet = replace(
        config.alerting, alertmanager_bearer_token=None, pagerduty_routing_key=None, webhook_bearer_token=None
    )
    assert replace(config, application=None, watch=WatchSettings(), database=silent, alerting=quiet) == Config()


def test_the_limits_in_the_example_are_the_real_ones():
    """The comment above a bounded duration states the bounds that are checked."""
    blocks = re.split(r"\n\s*\n", EXAMPLE.read_text())
    bounded = {path: get_args(key.hint) for path, key in KEYS.items() if get_args(key.hint)[:1] == (Seconds,)}
    assert len(bounded) == 8
    for path, (_, bounds) in bounded.items():
        stated = f"{format_duration(bounds.low)} to {format_duration(bounds.high)}"
        name = path.split(".")[1]
        (block,) = [block for block in blocks if re.search(rf"^ +#?{name}:", block, re.MULTILINE)]
        assert stated in block, path
