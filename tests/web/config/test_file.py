"""The web configuration file: its settings, and every problem with its line."""

from pathlib import Path

import pytest

from exporter.core.errors import ConfigError
from exporter.web.config.file import RateLimit, WebConfig, load
from exporter.web.config.tls import ClientAuth
from tests.web.config.loading import loaded

# "correct horse", at bcrypt's lowest cost.
HASH = "$2y$04$AMZB.i5RB0XjH7LO3mUI1OOWJk6smw98lfmmnfggLupLgYrv9KiUe"
SECRET = "tr0ub4dor-secret"


def mistakes(directory: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(directory, text)
    return caught.value.problems


def test_an_empty_file_configures_nothing(directory):
    assert loaded(directory, "") == WebConfig()
    assert loaded(directory, "tls_server_config:\nbasic_auth_users: {}\n") == WebConfig()


def test_everything_at_once(directory):
    """The toolkit's whole format."""
    text = f"""
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.internal, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519]
http_server_config:
  http2: true
  headers:
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: sameorigin
    X-Content-Type-Options: nosniff
    X-XSS-Protection: ""
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: {HASH}
  bob: '{HASH}'
rate_limit:
  interval: 1m0.5s
  burst: 20
"""
    config = loaded(directory, text)
    assert config.tls is not None
    assert config.tls.files == tuple(directory / name for name in ("server.crt", "server.key", "ca.crt"))
    assert config.tls.client_auth is ClientAuth.REQUIRE
    assert config.tls.allowed_sans == {"prometheus.internal", "10.0.0.1"}
    assert config.tls.ciphers == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert (config.tls.prefer_server_ciphers, config.tls.curve) == (False, "X25519")
    assert [name for name, _ in config.headers] == [
        "Content-Security-Policy",
        "X-Frame-Options",
        "X-Content-Type-Options",
        "Strict-Transport-Security",
    ]
    assert {user: hashed.reveal() for user, hashed in config.users.items()} == {"alice": HASH, "bob": HASH}
    assert config.rate_limit == RateLimit(60.5, 20)


def test_all_problems_are_in_one_message(directory):
    text = """tls_server_config:
  cert_file: nowhere.crt
  key_fiel: server.key
  min_version: TLS10
  cipher_suites:
    - TLS_RSA_WITH_RC4_128_SHA
http_server_config:
  http2: maybe
  headers:
    X-Frame-Options: allow
    Server: mine
basic_auth_users:
  alice: password
  alice: again
rate_limit:
  interval: 5
basic_auth: {}
"""
    found = mistakes(directory, text)
    places = [line.split(": ")[0] + ": " + line.split(": ")[1] for line in found]
    assert places == [
        f"{directory}/web.yml:1: tls_server_config.key_file",
        f"{directory}/web.yml:2: tls_server_config.cert_file",
        f"{directory}/web.yml:3: tls_server_config.key_fiel",
        f"{directory}/web.yml:4: tls_server_config.min_version",
        f"{directory}/web.yml:5: tls_server_config.cipher_suites",
        f"{directory}/web.yml:8: http_server_config.http2",
        f"{directory}/web.yml:10: http_server_config.headers.X-Frame-Options",
        f"{directory}/web.yml:11: http_server_config.headers.Server",
        f"{directory}/web.yml:13: basic_auth_users.alice",
        f"{directory}/web.yml:14: basic_auth_users.alice",
        f"{directory}/web.yml:16: rate_limit.interval",
        f"{directory}/web.yml:17: basic_auth",
    ]
    assert 'did you mean "key_file"?' in found[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http_server_config:\n  headers:\n    X-XSS-Protection: |\n      1\n      2\n", "printable ASCII"),
        ("basic_auth_users: [alice]\n", "expected keys and values"),
        (f"basic_auth_users:\n  'a:b': {HASH}\n", "holds no ':'"),
        (f"basic_auth_users:\n  alice: {HASH.replace('$04$', '$31$')}\n", "the bcrypt cost is not within 4 to 18"),
        (f"basic_auth_users:\n  alice: {HASH[:-1]}\n", "not a bcrypt hash"),
        ("rate_limit:\n  interval: 1s\n", "expected a whole number above 0"),
        ("rate_limit:\n  interval: 1s\n  burst: " + "9" * 5000, "expected a whole number above 0"),
        ("rate_limit:\n  interval: 1 week\n  burst: 1\n", "expected a duration"),
        ("tls_server_config: yes\n", "expected keys and values"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_mistakes(directory, text, message):
    (line,) = mistakes(directory, text)
    assert message in line
    assert line.startswith(f"{directory}/web.yml:")


def test_a_missing_file():
    """Its whole path, also of one that is named relative to the working directory."""
    with pytest.raises(ConfigError) as caught:
        load(Path("absent.yml"))
    assert caught.value.problems == (f"{Path.cwd()}/absent.yml: cannot be read: No such file or directory",)


def test_a_rate_limit_of_no_interval_is_off(directory):
    assert loaded(directory, "rate_limit:\n  interval: 0\n  burst: 20\n").rate_limit is None


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users:\n  alice: {}\n",
        "basic_auth_users:\n  alice: [{}]\n",
        "basic_auth_users: {}\n",
        "tls_server_config:\n  key: {}\n",
        "tls_server_config:\n  min_version: {}\n",
        "http_server_config:\n  http2: {}\n",
        "basic_auth_users:\n  alice: '{}\n",
        "basic_auth_users:\n  alice: *{}\n",
        "basic_auth_users:\n  alice: !{} x\n",
        "{}\n",
    ],
)
def test_no_value_is_ever_shown(directory, text):
    assert SECRET not in "\n".join(mistakes(directory, text.format(SECRET)))


def test_settings_do_not_print_secrets(directory):
    text = f"tls_server_config:\n  cert: x\n  key: {SECRET}\nbasic_auth_users:\n  alice: {HASH}\n"
    shown = repr(loaded(directory, text))
    assert SECRET not in shown
    assert HASH not in shown
