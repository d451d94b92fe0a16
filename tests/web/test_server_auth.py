"""Basic authentication, rate limit and headers of the web configuration, and how they follow the file."""

import asyncio
import base64
import logging
from pathlib import Path

import bcrypt
import pytest

from exporter.core.errors import ConfigError
from exporter.core.types import Secret
from exporter.web.auth import CACHE_SIZE, MAX_WAITING, Authenticator, TooManyLogins, check_password, parse
from exporter.web.config import reloader
from exporter.web.config.file import RateLimit
from exporter.web.config.reloader import WebConfigReloader
from exporter.web.middleware import TokenBucket
from exporter.web.server import WebServer
from tests import webtools
from tests.webtools import get

PASSWORD = "correct horse ünïcode"


def hashed(password: str, cost: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Counting:
    """bcrypt's part, counted."""

    def __init__(self) -> None:
        self.costs: list[bytes] = []

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.costs.append(hashed[:7])
        return bcrypt.checkpw(password, hashed)  # raises where `check_password` would answer at once


def answers(users: dict[str, str], *headers: str | None, check: Counting | None = None) -> list[bool]:
    """What one authenticator says to each header in turn."""
    secrets = {user: Secret(text) for user, text in users.items()}
    authenticator = Authenticator(check or Counting())

    async def ask_all() -> list[bool]:
        return [await authenticator.allows(secrets, header) for header in headers]

    return asyncio.run(ask_all())


# --- the authenticator ---------------------------------------------------------------------------------------------


def test_who_gets_in():
    users = {"alice": hashed(PASSWORD).replace("$2b$", "$2y$"), "bob": hashed("other")}
    good, wrong, swapped, unknown = basic("alice", PASSWORD), *(basic(*pair) for pair in WRONG)
    assert answers(users, good, wrong, swapped, unknown, None) == [True, False, False, False, False]


WRONG = [("alice", "Correct horse"), ("bob", PASSWORD), ("eve", PASSWORD)]


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic ", "Basic !!!", "Basic Zm9v", "Bearer Zm9vOmJhcg==", "Basic /zphYmM="]
)
def test_headers_that_say_nothing(header):
    assert parse(header) is None


def test_a_header_is_read():
    assert parse("bAsIc " + base64.b64encode(b"alice:a:b").decode()) == ("alice", b"a:b")


@pytest.mark.parametrize("password", [b"x" * 1000, b"a\0b", b""])
def test_odd_passwords_are_no_trouble(password):
    assert check_password(password, hashed("y").encode()) is False


def test_passwords_longer_than_bcrypt_looks():
    """As everywhere, 72 bytes count."""
    assert check_password(b"x" * 80, bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)))


def test_answers_are_remembered_until_the_hash_changes():
    check = Counting()
    secrets = {"alice": Secret(hashed(PASSWORD))}
    authenticator = Authenticator(check)

    async def ask_all() -> list[bool]:
        said = [await authenticator.allows(secrets, basic("alice", PASSWORD)) for _ in range(5)]
        said += [await authenticator.allows(secrets, basic("alice", "wrong")) for _ in range(5)]
        secrets["alice"] = Secret(hashed("new"))
        return [*said, await authenticator.allows(secrets, basic("alice", PASSWORD))]

    assert asyncio.run(ask_all()) == [True] * 5 + [False] * 6
    assert len(check.costs) == 3


def test_guesses_do_not_push_out_the_scraper():
    check = Counting()
    good = basic("alice", PASSWORD)
    guesses = [basic("alice", f"guess {number}") for number in range(2 * CACHE_SIZE)]
    said = answers({"alice": hashed(PASSWORD)}, good, *guesses, good, check=check)
    assert (said[0], any(said[1:-1]), said[-1]) == (True, False, True)
    assert len(check.costs) == 1 + len(guesses)


def test_an_unknown_user_costs_as_much_as_a_known_one():
    """Decoys have the highest cost of the file, and a salt that bcrypt accepts: else it would answer at once."""
    check = Counting()
    users = {"alice": hashed(PASSWORD, 4), "bob": hashed(PASSWORD, 5)}
    answers(users, *(basic(f"nobody {number}", "x") for number in range(20)), check=check)
    assert check.costs == [b"$2b$05$"] * 20


def test_a_queue_of_guesses_is_bounded():
    secrets = {"alice": Secret(hashed(PASSWORD))}
    authenticator = Authenticator()

    async def rush() -> list[object]:
        guesses = (authenticator.allows(secrets, basic("alice", str(number))) for number in range(MAX_WAITING + 9))
        return list(await asyncio.gather(*guesses, return_exceptions=True))

    said = asyncio.run(rush())
    assert said.count(False) == MAX_WAITING
    assert sum(isinstance(one, TooManyLogins) for one in said) == 9


# --- following the file --------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  alice: {hashed(PASSWORD)}\n")
    return path


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_time(self) -> None:
        self.now += reloader.CHECK_INTERVAL


def test_a_broken_file_keeps_the_old_content_and_is_told_once(config, caplog):
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    before, good = followed.current(), config.read_text()
    for broken in ("basic_auth_users:\n  alice: hunter2\n", "nonsense: 1\n"):
        config.write_text(broken)
        for _ in range(3):
            clock.pass_time()
            assert followed.current() is before
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "web.yml:2: basic_auth_users.alice: not a bcrypt hash" in caplog.text
    assert "hunter2" not in caplog.text
    config.write_text(good + f"  bob: {hashed('x')}\n")
    clock.pass_time()
    assert set(followed.current().config.users) == {"alice", "bob"}


def test_looks_are_rare(config):
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    before = followed.current()
    config.write_text(f"basic_auth_users:\n  bob: {hashed(PASSWORD)}\n")
    clock.now += reloader.CHECK_INTERVAL / 2
    assert followed.current() is before
    clock.now += reloader.CHECK_INTERVAL / 2
    assert set(followed.current().config.users) == {"bob"}


@pytest.mark.parametrize("text", ["", "basic_auth_users: {}\n", "http_server_config:\n  http2: true\n"])
def test_no_file_opens_the_doors_of_a_running_server(config, text, caplog):
    """A file caught half-written is often an empty one."""
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    before = followed.current()
    config.write_text(text)
    clock.pass_time()
    assert followed.current() is before
    assert "no longer holds users; switching that off needs a restart" in caplog.text


def test_a_file_that_vanishes_and_returns(config):
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    away = config.rename(config.with_suffix(".away"))
    clock.pass_time()
    assert followed.current().config.users
    away.rename(config)
    clock.pass_time()
    assert followed.current().config.users


def test_a_bad_file_ends_the_start(config):
    config.write_text("nonsense: 1\n")
    with pytest.raises(ConfigError, match="unknown key"):
        WebServer(webtools.site(), "127.0.0.1:0", config).start()


# --- over the wire -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready", "/nowhere"])
def test_every_path_takes_the_password(config, path):
    with WebServer(webtools.site(), "127.0.0.1:0", config) as server:
        url = f"{server.url}{path}"
        nobody, wrong = get(url), get(url, auth=("alice", "wrong"))
        alice = get(url, auth=("alice", PASSWORD.encode()))
    assert (nobody.status_code, wrong.status_code) == (401, 401)
    assert nobody.headers["WWW-Authenticate"].startswith("Basic ")
    assert "X-Content-Type-Options" in nobody.headers
    assert alice.status_code == (404 if path == "/nowhere" else 200)


def test_a_changed_password_counts_at_once(config, monkeypatch):
    monkeypatch.setattr(reloader, "CHECK_INTERVAL", 0)
    with WebServer(webtools.site(), "127.0.0.1:0", config) as server:
        before = get(server.url, auth=("alice", PASSWORD.encode())).status_code
        config.write_text(f"basic_auth_users:\n  alice: {hashed('new')}\n")
        after = [get(server.url, auth=("alice", password)).status_code for password in (PASSWORD.encode(), "new")]
    assert (before, after) == (200, [401, 200])


def test_no_password_or_hash_is_told(config, caplog):
    caplog.set_level(logging.DEBUG)
    secret_hash = config.read_text().split()[-1]
    with WebServer(webtools.site(), "127.0.0.1:0", config) as server:
        wrong, right = (get(server.url, auth=("alice", word)) for word in ("hunter2", PASSWORD.encode()))
    said = "".join(answer.text + str(answer.headers) for answer in (wrong, right))
    for text in (said, caplog.text):
        assert "hunter2" not in text
        assert secret_hash not in text
        assert PASSWORD not in text


def test_configured_headers_are_set(tmp_path):
    path = tmp_path / "web.yml"
    path.write_text(
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n    X-Frame-Options: sameorigin\n"
    )
    with WebServer(webtools.site(), "127.0.0.1:0", path) as server:
        headers = get(f"{server.url}/metrics").headers
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert headers["X-Frame-Options"] == "sameorigin"


def test_rate_limit_over_the_wire(tmp_path):
    path = tmp_path / "web.yml"
    path.write_text("rate_limit:\n  interval: 1h\n  burst: 3\n")
    with WebServer(webtools.site(), "127.0.0.1:0", path) as server:
        codes = [get(f"{server.url}/metrics").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_a_bucket_fills_again_and_never_flows_over():
    clock = Clock()
    bucket = TokenBucket(RateLimit(interval=2, burst=2), clock)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    clock.now = 1.9
    assert not bucket.take()
    clock.now = 2.0
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.now = 1000.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]
