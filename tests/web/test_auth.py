"""Basic authentication: accepted users, the cache, and the cost of a check."""

import asyncio
import base64
import logging
import threading

import bcrypt
import pytest

from exporter.core.types import Secret
from exporter.web.auth import Authenticator, TooManyLogins, check_password, parse
from exporter.web.server import WebServer
from tests import webtools
from tests.web.passwords import PASSWORD, basic, hashed
from tests.webtools import get

WRONG = [("alice", "Correct horse"), ("bob", PASSWORD), ("eve", PASSWORD)]


class Counting:
    """A password check that records the cost of each call."""

    def __init__(self) -> None:
        self.costs: list[bytes] = []

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.costs.append(hashed[:7])
        return bcrypt.checkpw(password, hashed)  # raises where `check_password` would answer at once


def answers(users: dict[str, str], *headers: str | None, check: Counting | None = None) -> list[bool]:
    """The results of one authenticator for each header in turn."""
    secrets = {user: Secret(text) for user, text in users.items()}
    authenticator = Authenticator(check or Counting())

    async def ask_all() -> list[bool]:
        return [await authenticator.allows(secrets, header) for header in headers]

    return asyncio.run(ask_all())


def test_known_users_with_the_right_password_are_accepted():
    users = {"alice": hashed(PASSWORD).replace("$2b$", "$2y$"), "bob": hashed("other")}
    good, wrong, swapped, unknown = basic("alice", PASSWORD), *(basic(*pair) for pair in WRONG)
    assert answers(users, good, wrong, swapped, unknown, None) == [True, False, False, False, False]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic Zm9v",
        "Bearer Zm9vOmJhcg==",
        "Api Zm9vOmJhcg==",
        "Basic Zm9v!OmJhcg==",
        "Basic /zphYmM=",
    ],
)
def test_malformed_headers_hold_no_credentials(header):
    assert parse(header) is None


def test_user_and_password_are_read_from_a_header():
    assert parse("bAsIc " + base64.b64encode(b"alice:a:b").decode()) == ("alice", b"a:b")


@pytest.mark.parametrize("password", [b"x" * 1000, b"a\0b", b""])
def test_unusual_passwords_are_refused_without_an_error(password):
    assert check_password(password, hashed("y").encode()) is False


def test_a_hash_refused_by_bcrypt_accepts_no_password():
    assert check_password(b"x", b"$2b$04$short") is False


def test_only_72_bytes_of_a_password_count():
    """As with every bcrypt implementation."""
    assert check_password(b"x" * 80, bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)))


def test_results_are_cached_until_the_hash_changes():
    check = Counting()
    secrets = {"alice": Secret(hashed(PASSWORD))}
    authenticator = Authenticator(check)

    async def ask_all() -> list[bool]:
        results = [await authenticator.allows(secrets, basic("alice", PASSWORD)) for _ in range(5)]
        results += [await authenticator.allows(secrets, basic("alice", "wrong")) for _ in range(5)]
        secrets["alice"] = Secret(hashed("new"))
        return [*results, await authenticator.allows(secrets, basic("alice", PASSWORD))]

    assert asyncio.run(ask_all()) == [True] * 5 + [False] * 6
    assert len(check.costs) == 3


def test_guesses_do_not_evict_the_scraper():
    check = Counting()
    good = basic("alice", PASSWORD)
    guesses = [basic("alice", f"guess {number}") for number in range(200)]
    results = answers({"alice": hashed(PASSWORD)}, good, *guesses, good, check=check)
    assert (results[0], any(results[1:-1]), results[-1]) == (True, False, True)
    assert len(check.costs) == 1 + len(guesses)


def test_an_unknown_user_costs_as_much_as_a_known_one():
    """The dummy hash has the highest cost of the file, and a salt that bcrypt accepts: else it would return at once."""
    check = Counting()
    users = {"alice": hashed(PASSWORD, 4), "bob": hashed(PASSWORD, 10), "carol": hashed(PASSWORD, 5)}
    answers(users, *(basic(f"unknown {number}", "x") for number in range(5)), check=check)
    assert check.costs == [b"$2b$10$"] * 5


def test_sixteen_checks_may_wait():
    """At any time: further ones are refused at once, also when earlier ones have ended."""
    secrets = {"alice": Secret(hashed(PASSWORD))}
    all_asked = threading.Event()
    authenticator = Authenticator(lambda *_: not all_asked.wait(10))

    async def end_first_check() -> bool:
        all_asked.set()
        return True

    async def ask_all(guess: str) -> list[object]:
        all_asked.clear()
        guesses = (authenticator.allows(secrets, basic("alice", f"{guess}{number}")) for number in range(25))
        return list(await asyncio.gather(*guesses, end_first_check(), return_exceptions=True))

    async def ask_twice() -> list[list[object]]:
        return [await ask_all("first"), await ask_all("second")]

    for results in asyncio.run(ask_twice()):
        assert results.count(False) == 16
        assert sum(isinstance(one, TooManyLogins) for one in results) == 9


def test_no_password_or_hash_is_shown(config, caplog):
    caplog.set_level(logging.DEBUG)
    secret_hash = config.read_text().split()[-1]
    with WebServer(webtools.site(), "127.0.0.1:0", config) as server:
        wrong, right = (get(server.url, auth=("alice", word)) for word in ("hunter2", PASSWORD.encode()))
    results = "".join(answer.text + str(answer.headers) for answer in (wrong, right))
    for text in (results, caplog.text):
        assert "hunter2" not in text
        assert secret_hash not in text
        assert PASSWORD not in text


def test_a_hundred_refused_results_are_cached():
    """The oldest one is evicted first."""
    check = Counting()
    guesses = [basic("alice", f"guess {number}") for number in range(101)]
    users = {"alice": hashed(PASSWORD)}
    answers(users, *guesses[:100], guesses[0], check=check)
    assert len(check.costs) == 100
    check.costs.clear()
    answers(users, *guesses, guesses[1], guesses[0], check=check)
    assert len(check.costs) == 102
