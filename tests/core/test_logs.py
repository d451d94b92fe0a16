"""Log lines: one per event, readable by machines, without secrets and without storms."""

import json
import logging
import random
import re
import sys
import threading
import warnings
from typing import Literal
from urllib.parse import quote, quote_plus, unquote_plus

import pytest

from exporter.core import logs
from exporter.core.errors import ConfigError, Reason
from exporter.core.logs import RepeatFilter, event
from exporter.core.redaction import KnownSecrets, Redactor
from exporter.core.types import LogLevel, Secret

FORMATS: tuple[Literal["text", "json"], ...] = ("text", "json")
PASSWORD = "p@ss/wörd \"it's\\100%"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.abc"
DSN = f"postgresql://monitor:{quote(PASSWORD, safe='')}@db.example/postgres"
SECRETS = (PASSWORD, TOKEN, DSN)
logger = logging.getLogger("exporter.tests")


@pytest.fixture(autouse=True)
def _logging_as_before(monkeypatch):
    """Leaves the logging tree, the hooks and the known secrets as they were."""
    names = (None, *logs.OWN_LOGGERS, *logs._NOISY_LIBRARIES)
    before = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.getLogger().handlers)
    monkeypatch.setattr(logs, "_secrets", KnownSecrets())
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    logging.captureWarnings(capture=False)
    logging.getLogger().handlers[:] = handlers
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def stderr(capsys):
    """The standard error output since the last call."""
    return lambda: capsys.readouterr().err


def test_text(stderr):
    """Text is logfmt: time, level, logger and event first, then the fields; quoted only where it has to be."""
    logs.configure()
    event(logger, logging.WARNING, "collector failed", collector="backlog", reason=Reason.LOCK, seconds=1.5, n=3,
          ok=True, none=None, empty="", said='a "b" \\ c=d')  # fmt: skip
    time, rest = stderr().split(" ", 1)
    assert re.fullmatch(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == (
        'level=warning logger=exporter.tests event="collector failed" collector=backlog reason=lock seconds=1.5 n=3 '
        'ok=true none=null empty="" said="a \\"b\\" \\\\ c=d"\n'
    )


def test_json(stderr):
    """JSON has the same names in the same order, and typed values; values without a JSON type become text."""
    logs.configure(style="json")
    event(logger, logging.INFO, "x", n=3, ok=True, none=None, ratio=0.5, nan=float("nan"), path=logs, level="mine")
    said = json.loads(stderr())
    assert list(said) == ["time", "level", "logger", "event", "n", "ok", "none", "ratio", "nan", "path", "level_"]
    assert (said["level"], said["level_"], said["n"], said["ok"], said["none"]) == ("info", "mine", 3, True, None)
    assert (said["ratio"], said["nan"], said["path"]) == (0.5, "nan", str(logs))


@pytest.mark.parametrize("style", FORMATS)
def test_plain_calls_work_too(stderr, style):
    """The standard library's own ways to log, of libraries as well, give the same lines."""
    logs.configure(style=style)
    logger.info("took %d%%", 5, extra={"fields": {"a": 1}})
    logging.getLogger("urllib3.connection").error("of others")
    logger.info("100%")
    lines = stderr().splitlines()
    assert "took 5%" in lines[0]
    assert len(lines) == 3


@pytest.mark.parametrize("style", FORMATS)
def test_one_line_per_event(stderr, style):
    """No character of a message, field or traceback ends the line, moves the cursor or cannot be encoded."""
    logs.configure(style=style)
    nasty = "".join(map(chr, [*range(0x20), 0x22, 0x5C, *range(0x7F, 0xA1), 0x2028, 0x2029, 0x202E, 0xD800, 0x1F600]))
    event(logger, logging.ERROR, nasty, exc_info=ValueError(nasty), field=nasty)
    line = stderr().encode("utf-8").decode()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert "ValueError" in line
    if style == "json":
        assert json.loads(line)["field"] == nasty


LIBRARIES = ("psycopg.pool", "apscheduler.executors.default", "urllib3", "asyncio")
KINDS = ("debug", "info", "warning", "error")


def test_levels(stderr):
    """The level is about our events; libraries pass their errors only, and at debug their warnings."""
    levels: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")
    for number, level in enumerate(levels):
        logs.configure(level=level)
        for name in (
            "exporter",
            "psycopg.pool",
            "apscheduler.executors.default",
            "urllib3",
            "asyncio",
        ):
            for kind in KINDS:
                getattr(logging.getLogger(name), kind)("%s %s", name, kind)
        ours = [f"exporter {kind}" for kind in KINDS[number:]]
        theirs = [f"{name} {kind}" for name in LIBRARIES for kind in KINDS[2 if level == "debug" else 3 :]]
        assert re.findall('event="(.*?)"', stderr()) == ours + theirs


def test_configuring_again_replaces(stderr):
    """After a reload every event is still one line, in the new format, and old secrets stay hidden."""
    logs.configure([Secret("old-secret")])
    logs.configure(["new-secret"], style="json")
    logger.info("old-secret new-secret")
    assert json.loads(stderr())["event"] == "[hidden] [hidden]"


def test_warnings_are_events(stderr):
    """A warning of any module is one line like everything else."""
    logs.configure(["old-secret"])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old-secret is out of date", UserWarning, stacklevel=1)
    (line,) = stderr().splitlines()
    assert "[hidden] is out of date" in line


def test_a_record_that_cannot_be_logged_is_not_printed_either(stderr):
    """The error for a wrong format string has its place, without the arguments that Python would print."""
    logs.configure(SECRETS)
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 1, "%d", (TOKEN,), None)
    logging.getLogger().handlers[-1].handle(record)
    assert re.fullmatch(r"an event of exporter\.tests, line \d+, could not be logged\n", stderr())


def shapes(secret: str) -> list[str]:
    """The ways in which libraries put a secret into their messages."""
    return [
        secret,
        repr(secret),
        ascii(secret),
        repr({"password": secret}),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret, safe="").replace("%C3", "%c3").replace("%2F", "%2f").replace("%B6", "%b6"),
        json.dumps(secret),
        f"password='{secret.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'",
        f"http://x:{quote(secret, safe='')}@h/",
        f"{secret}{secret}",
    ]


def leaked(text: str) -> list[str]:
    """The secrets that can be read in a text, however often it was escaped or percent-encoded."""
    seen = [text]
    for _ in range(3):
        last = seen[-1]
        seen.append(re.sub(r"\\(?!u|x)(.)", r"\1", last))
        seen.append(last.encode("ascii", "backslashreplace").decode("unicode_escape", "replace"))
    return [secret for secret in SECRETS for each in seen if secret in each or secret in unquote_plus(each)]


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("secret", SECRETS, ids=["password", "token", "dsn"])
def test_no_secret_in_any_line(stderr, style, secret):
    """A secret in the message, its arguments, a field, an error, its cause or its notes is hidden in every form."""
    logs.configure([PASSWORD, Secret(TOKEN), DSN], level="debug", style=style)
    for shape in shapes(secret):
        logger.info(shape)
        logger.info("%s %r", shape, [shape])
        event(logger, logging.INFO, "field", value=shape, values=[shape], error=ValueError(shape))
        logger.info("name", extra={"fields": {shape: 1}})
        error = ConfigError((shape,))
        error.__cause__ = KeyError(shape)
        error.add_note(shape)
        logger.error("failed", exc_info=error, stack_info=True)
        logging.getLogger("psycopg.pool").warning("error connecting: %s", shape)
    lines = stderr().splitlines()
    assert len(lines) == 6 * len(shapes(secret))
    assert not [line for line in lines if leaked(line)]
    assert all("[hidden]" in line for line in lines)
    assert any("direct cause" in line for line in lines)
    if style == "json":
        assert all(json.loads(line) for line in lines)


def test_the_hunt_for_secrets_finds_them(stderr):
    """The search that the tests above rely on would have found each secret in each format."""
    for style in FORMATS:
        logs.configure(style=style)
        for secret in (PASSWORD, TOKEN):
            logger.info(secret)
    assert all(leaked(line) for line in stderr().splitlines())
    assert leaked(f"at {DSN}")


def test_hide_works_outside_of_the_log():
    """Messages for pages and answers are cleaned by the same secrets."""
    assert logs.hide(f"token {TOKEN}") == f"token {TOKEN}"
    logs.configure(SECRETS)
    assert logs.hide(f"token {TOKEN}, at {DSN}.") == "token [hidden], at [hidden]."


def test_a_password_is_hidden_as_it_was_written_in_the_uri():
    """A password that is only half encoded in its DSN is hidden in that form, too, when the rest of it differs."""
    redactor = Redactor(["postgresql://u:half%40way!@db:5432/postgres?sslmode=require"])
    assert redactor.hide("connect to u:half%40way!@10.0.0.1") == "connect to u:[hidden]@10.0.0.1"
    assert redactor.hide("port 5432 of db") == "port 5432 of db"


def test_short_secrets_are_left_alone():
    """Hiding three characters would shred every text; four are hidden. Nothing known changes nothing."""
    assert Redactor(["", "abc", "a b"]).hide("abc a b a%20b") == "abc a b a%20b"
    assert Redactor(["abcd"]).hide("xabcdx") == "x[hidden]x"
    assert Redactor().hide("text") == "text"


def test_a_secret_within_another_is_hidden_completely():
    """The longest known secret is hidden first."""
    assert Redactor(["pass", "password", "word1"]).hide("password1 pass") == "[hidden]1 [hidden]"


def test_secrets_that_look_like_the_line_leave_json_valid(stderr):
    """Secrets such as `true` or `1234` are hidden where they are values, and the line stays JSON."""
    logs.configure(["true", "1234", "event", '", "'], style="json")
    event(logger, logging.INFO, "x", ok=True, n=1234, other=12)
    said = json.loads(stderr())
    assert list(said)[3] == "[hidden]"
    assert (said["ok"], said["n"], said["other"]) == ("[hidden]", "[hidden]", 12)


def test_uncaught_exceptions_are_events(stderr):
    """An uncaught exception, in the main thread or another, is one line without secrets; Ctrl-C stays Python's."""
    logs.configure(SECRETS)
    logs.log_uncaught()

    def fail() -> None:
        raise RuntimeError(TOKEN)

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    try:
        fail()
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    lines = stderr().splitlines()
    assert len(lines) == 2
    assert 'level=critical logger=exporter event="uncaught exception" thread=worker traceback=' in lines[0]
    assert "thread=MainThread" in lines[1]
    assert not [line for line in lines if leaked(line)]
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert "KeyboardInterrupt" in stderr().splitlines()[-1]


def test_the_first_and_every_change_are_logged():
    """The first message is logged at once, and so is another message, another key, and any after `forget`."""
    repeats = RepeatFilter()
    assert repeats.suppressed("backlog", "lock", 0) == 0
    assert repeats.suppressed("backlog", "lock", 15) is None
    assert repeats.suppressed("backlog", "timeout", 30) == 1
    assert repeats.suppressed("events", "lock", 30) == 0
    assert repeats.forget("backlog")
    assert not repeats.forget("backlog")
    assert repeats.suppressed("backlog", "lock", 45) == 0


def test_a_repeat_is_logged_once_an_hour_with_its_count():
    """Something broken for a day at one sample per 15 s is 24 lines, which together count every sample."""
    repeats = RepeatFilter()
    logged = [n for now in range(0, 86400, 15) if (n := repeats.suppressed("backlog", "lock", now)) is not None]
    assert logged == [0, *[239] * 23]


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (
            "odyssey: c8f2a91b2e4d1: can't connect to remote server s0c5b1e77aa01",
            "odyssey: cdd04f6a1e920: can't connect to remote server s77aa010c5b1e",
        ),
        ("connection to 127.0.0.1, port 51234 failed", "connection to 127.0.0.1, port 51240 failed"),
        ("child process with pid: 4711 exits", "child process with pid: 8155 exits"),
    ],
)
def test_an_outage_with_an_id_in_each_message_is_logged_once(first, again):
    """As in messages of Odyssey and Pgpool-II; another kind of message is logged as well."""
    repeats = RepeatFilter()
    assert repeats.suppressed("backlog", first, 0) == 0
    assert repeats.suppressed("backlog", again, 15) is None
    assert repeats.suppressed("backlog", "there is no table public.job_outbox2", 30) == 1
    assert repeats.suppressed("backlog", "there is no table public.job_outbox3", 45) == 0
    assert repeats.suppressed("backlog", "getFSM: HTTP 500", 60) == 0
    assert repeats.suppressed("backlog", "getFSM: HTTP 503", 75) == 0
    assert repeats.suppressed("backlog", again, 3600) == 0


def test_flapping_and_changing_texts_are_limited():
    """Two messages that take turns, or texts that never repeat, stay bounded, and no occurrence goes uncounted."""
    rng = random.Random(1)
    for texts, most in ((["a", "b"], 2 * 24), ([f"port p{number}" for number in range(50_000)], 10 * 24)):
        repeats = RepeatFilter(variety=10)
        samples = ((now, rng.choice(texts)) for now in range(0, 86400, 15))
        logged = [n for now, text in samples if (n := repeats.suppressed("key", text, now)) is not None]
        assert len(logged) <= most
        still_kept = 86400 // 15 - len(logged) - sum(logged)
        assert 0 <= still_kept <= 3600 // 15
