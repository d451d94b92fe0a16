"""Secrets that are marked as such in a text are hidden, also unknown ones."""

from __future__ import annotations

import time

import pytest

from exporter.core.redaction import KnownSecrets, Redactor, hide_credentials


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("connect postgresql://u:pa55word@db/app failed", "connect postgresql://[hidden]@db/app failed"),
        ("at redis://:pa55word@cache:6379", "at redis://[hidden]@cache:6379"),
        # Not percent-encoded: libpq and most others would not even understand it, and quote it in their errors.
        ("at postgresql://u:first/second@db/app", "at postgresql://[hidden]@db/app"),
        ("at postgresql://u:first@second@db/app", "at postgresql://[hidden]@db/app"),
        ("postgresql:/u:pa55word@h/app: no such file", "postgresql:/[hidden]@h/app: no such file"),
        ("two: a://x:y@h b://x:y@i", "two: a://[hidden]@h b://[hidden]@i"),
        ("host=db password=pa55word user=u", "host=db password=[hidden] user=u"),
        ("password = 'two words' user=u", "password = [hidden] user=u"),
        (r"password='it\'s' user=u", "password=[hidden] user=u"),
        ('{"password": "pa55 word", "user": "u"}', '{"password": [hidden], "user": "u"}'),
        ("{'DB_PASSWORD': 'pa55 word'}", "{'DB_PASSWORD': [hidden]}"),
        ("PGPASSWORD=pa55word psql", "PGPASSWORD=[hidden] psql"),
        ("Password: pa55word", "Password: [hidden]"),
        ("client_secret=abc&x=1", "client_secret=[hidden]&x=1"),
        ("GET /x?access_token=abc.def HTTP/1.1", "GET /x?access_token=[hidden] HTTP/1.1"),
        ("api_key=abc; apikey=def, api-key=ghi", "api_key=[hidden]; apikey=[hidden], api-key=[hidden]"),
        ("Authorization: Bearer abcdefgh.ijk-l==", "Authorization: Bearer [hidden]"),
        ("authorization=basic dTpwYTU1d29yZA==", "authorization=basic [hidden]"),
        ('password="never closed', "password=[hidden]"),
        ("DB_PASS=pa55word psql", "DB_PASS=[hidden] psql"),
        ("auth: { user: 'u', pass: 'pa55 word' }", "auth: { user: 'u', pass: [hidden] }"),
        ("password => 'pa55 word', user => 'u'", "password => [hidden], user => 'u'"),
        ("password=first;second&third,fourth user=u", "password=[hidden] user=u"),
        ("Password=pa55word;Database=d", "Password=[hidden];Database=d"),
        ("password=fi(rst)[second] user=u", "password=[hidden] user=u"),
        (r'"{\"password\":\"pa55 word\",\"user\":\"u\"}"', r'"{\"password\":[hidden],\"user\":\"u\"}"'),
        ("q=password%3Dpa55word", "q=password%3D[hidden]"),
        ("X-Api-Key: pa55word", "X-Api-Key: [hidden]"),
        ("private_key: pa55word", "private_key: [hidden]"),
        ("Authorization: Token pa55word", "Authorization: Token [hidden]"),
        ("Authorization: pa55word", "Authorization: [hidden]"),
        ('"authorization": "Digest pa55 word", 1', '"authorization": [hidden], 1'),
        ("token: pa55word1", "token: [hidden]"),
    ],
)
def test_values_with_a_secrets_name_are_hidden(text, hidden):
    """In the spellings of URIs, libpq, JSON, Python, shells, queries and HTTP headers; the surrounding text stays."""
    assert hide_credentials(text) == hidden
    assert Redactor().hide(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "database.password_file: the file cannot be read",
        "alerting.webhook_bearer_token: holds characters that no HTTP header can carry",
        "fe_sendauth: no password supplied",
        'password authentication failed for user "outbox_monitor"',
        "https://example.org/runbooks/OutboxStalled.md, see the mail of ops@example.org",
        "basic auth is on; the bearer of a token",
        "unexpected token < in JSON at position 0",
        "Unexpected token: undefined",
        "PASS: 19 of 19 checks hold",
        "bypass=1, compass: north",
        "port 5432 of db",
    ],
)
def test_prose_about_secrets_is_left_alone(text):
    """A message has to be readable: only values are hidden."""
    assert hide_credentials(text) == text


def test_known_secrets_are_those_of_the_configuration_and_the_latest_renewed():
    """A secret of the configuration is hidden for good; of those that are renewed, the 32 that were used last."""
    known = KnownSecrets()
    known.configure(["configured"])
    known.renew("renewed-0", "renewed-1")
    assert known.hide("configured renewed-0 renewed-1 other") == "[hidden] [hidden] [hidden] other"
    for number in range(2, 32):
        known.renew(f"renewed-{number}")
    known.renew("renewed-0")
    known.renew("renewed-32")
    assert known.hide("renewed-0 renewed-32") == "[hidden] [hidden]"
    assert known.hide("renewed-1") == "renewed-1"
    known.configure(["another"])
    assert known.hide("configured another renewed-2") == "[hidden] [hidden] [hidden]"


@pytest.mark.parametrize(
    "part",
    [
        "://",
        "password",
        "password=",
        "token='",
        "pass,",
        '\\"',
        "token:1",
        "bearer ",
        "a",
        "'",
        "\\",
        "x@",
        " ",
    ],
)
def test_a_megabyte_is_redacted_in_time(part):
    """For every text the time of redaction is proportional to its length at most."""
    text = part * (1_000_000 // len(part))
    started = time.process_time()
    hide_credentials(text)
    assert time.process_time() - started < 5
