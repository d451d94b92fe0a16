"""The section tls_server_config: its settings, and each problem with its line."""

import ssl

import pytest

from exporter.core.errors import ConfigError
from exporter.web.config.tls import ClientAuth
from tests.web.config.loading import TLS, loaded


def test_the_defaults(directory):
    """TLS 1.2 and 1.3, OpenSSL's ciphers and curves, no client certificate."""
    tls = loaded(directory, TLS).tls
    assert tls is not None
    assert (tls.minimum, tls.maximum) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert (tls.ciphers, tls.curve, tls.prefer_server_ciphers) == ((), "", True)
    assert (tls.client_auth, tls.client_ca, tls.allowed_sans) == (ClientAuth.NONE, None, frozenset())


def test_a_certificate_inside_the_file(directory):
    config = loaded(directory, "tls_server_config:\n  cert: |\n    one\n    two\n  key: |\n    three\n")
    assert config.tls is not None
    assert (config.tls.cert.text, config.tls.key.text, config.tls.files) == ("one\ntwo\n", "three\n", ())


def test_only_suites_of_tls13_mean_tls13_only(directory):
    """As in Go, where the suites of TLS 1.3 cannot be chosen and none is left for TLS 1.2."""
    config = loaded(directory, TLS + "  cipher_suites: [TLS_AES_256_GCM_SHA384]\n")
    assert config.tls is not None
    assert config.tls.minimum is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls_server_config:\n  min_version: TLS13\n  key: x\n", "TLS needs cert_file (or cert)"),
        ("tls_server_config:\n  cert_file: server.crt\n  key_file: ''\n", "TLS needs key_file (or key)"),
        (TLS + "  cert: inline\n", "give either cert or cert_file"),
        (TLS + "  client_auth_type: RequireAnyClientCert\n", "use RequireAndVerifyClientCert"),
        (TLS + "  client_auth_type: RequireClientCert\n", "use RequireAndVerifyClientCert"),
        (TLS + "  client_auth_type: Always\n", "not one of NoClientCert, RequestClientCert"),
        (TLS + "  client_auth_type: VerifyClientCertIfGiven\n", "needs client_ca_file"),
        (TLS + "  client_ca_file: ca.crt\n", "this client CA has no effect"),
        (TLS + "  client_ca: x\n  client_auth_type: RequestClientCert\n", "this client CA has no effect"),
        (TLS + "  client_allowed_sans: [a]\n", "needs client_auth_type: RequireAndVerifyClientCert"),
        (TLS + "  client_allowed_sans: a\n", "expected a list"),
        (TLS + "  client_allowed_sans: []\n", "is empty, so no client could connect"),
        (TLS + "  min_version: TLS13\n  max_version: TLS12\n", "it is below min_version"),
        (TLS + "  max_version: TLS11\n", "deprecated (RFC 8996)"),
        (TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12\n", "leaves no version"),
        (TLS + "  curve_preferences: [CurveP256, X25519]\n", "a single curve"),
        (TLS + "  curve_preferences: [P256]\n", 'did you mean "CurveP256"?'),
        (TLS.replace("server.key", "."), "cannot read"),
    ],
)
def test_a_problem(directory, text, message):
    """One line with the place and the fix."""
    with pytest.raises(ConfigError) as caught:
        loaded(directory, text)
    (line,) = caught.value.problems
    assert line.startswith(f"{directory}/web.yml:")
    assert message in line
