"""TLS as the web configuration describes it: versions, ciphers, certificates of server and client."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import pytest
import trustme

from exporter.core.errors import ConfigError
from exporter.web.server import WebServer
from tests import webtools
from tests.web.tls_server import TlsServer, exchange_message, is_refused


def test_tls_13_and_12_are_spoken_and_http_2_is_not(tls_server):
    offer = tls_server.client()
    offer.set_alpn_protocols(["h2", "http/1.1"])
    older = tls_server.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls_server.serving() as port:
        new, old = exchange_message(port, offer), exchange_message(port, older)
    assert (new.version, old.version) == ("TLSv1.3", "TLSv1.2")
    assert new.protocol == "http/1.1"
    assert new.answer.startswith(b"HTTP/1.1 200 ")


def test_plain_http_on_a_tls_port_gets_no_response(tls_server):
    with tls_server.serving() as port, socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionError):
            assert b"HTTP" not in plain.recv(4096)


def test_versions_can_be_narrowed(tls_server):
    older, newer = tls_server.client(), tls_server.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    with tls_server.serving("min_version: TLS13") as port:
        assert (is_refused(port, older), is_refused(port, newer)) == (True, False)
    with tls_server.serving("max_version: TLS12") as port:
        assert (is_refused(port, older), is_refused(port, newer)) == (False, True)


def test_cipher_and_curve_can_be_chosen(tls_server):
    older = tls_server.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    other_curve = tls_server.client()
    other_curve.set_ecdh_curve("secp521r1")
    chosen = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]"
    with tls_server.serving(chosen, "curve_preferences: [CurveP256]") as port:
        assert exchange_message(port, older).cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"
        assert is_refused(port, other_curve)


@pytest.mark.parametrize(
    ("mode", "anonymous", "own", "foreign"),
    [
        ("NoClientCert", True, True, True),
        ("RequestClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
    ],
)
def test_client_certificates(tls_server, mode, anonymous, own, foreign):
    """Clients without a certificate, with one of our CA, with one of another CA."""
    tls_server.issue("own", "prometheus")
    tls_server.issue("foreign", "prometheus", ca=trustme.CA())
    ca = ("client_ca_file: ca.crt",) if mode.startswith(("Verify", "RequireAnd")) else ()
    with tls_server.serving(f"client_auth_type: {mode}", *ca) as port:
        accepted = [not is_refused(port, tls_server.client(who)) for who in (None, "own", "foreign")]
    assert accepted == [anonymous, own, foreign]


@pytest.mark.parametrize(
    ("identity", "accepted"), [("prometheus.internal", True), ("127.0.0.9", True), ("::1", True), ("elsewhere", False)]
)
def test_client_names(tls_server, identity, accepted):
    tls_server.issue("client", identity)
    sans = "client_allowed_sans: [prometheus.internal, 127.0.0.9, '::1']"
    require = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.crt")
    with tls_server.serving(*require, sans) as port:
        assert is_refused(port, tls_server.client("client")) is not accepted


def test_certificate_and_key_inside_the_file(tls_server):
    def indented(name: str) -> str:
        return "".join(f"    {line}\n" for line in (tls_server.directory / name).read_text().splitlines())

    tls_server.config.write_text(
        f"tls_server_config:\n  cert: |\n{indented('server.crt')}  key: |\n{indented('server.key')}"
        f"  client_ca: |\n{indented('ca.crt')}  client_auth_type: RequireAndVerifyClientCert\n"
    )
    tls_server.issue("client", "prometheus")
    with WebServer(webtools.site(), "127.0.0.1:0", tls_server.config) as server:
        port = int(server.address.rpartition(":")[2])
        assert exchange_message(port, tls_server.client("client")).answer.startswith(b"HTTP/1.1 200 ")
        assert is_refused(port, tls_server.client())


def swap_key(tls_server: TlsServer) -> None:
    tls_server.issue("other", "localhost")
    (tls_server.directory / "other.key").replace(tls_server.directory / "server.key")


def encrypt_key(tls_server: TlsServer) -> None:
    (tls_server.directory / "server.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )


def break_certificate(tls_server: TlsServer) -> None:
    (tls_server.directory / "server.crt").write_text("?")


def break_ca(tls_server: TlsServer) -> None:
    (tls_server.directory / "ca.crt").write_text("?")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (swap_key, "web.yml:2: tls_server_config.cert_file: certificate and key cannot be used: they do not belong"),
        (encrypt_key, "web.yml:2: tls_server_config.cert_file: certificate and key cannot be used"),
        (
            lambda tls_server: (tls_server.directory / "server.crt").write_text("?"),
            "web.yml:2: tls_server_config.cert_file: ",
        ),
        (
            lambda tls_server: (tls_server.directory / "ca.crt").write_text("?"),
            "web.yml:4: tls_server_config.client_ca_file: ",
        ),
    ],
)
def test_an_unusable_certificate_fails_the_start(tls_server, spoil: Callable[[TlsServer], None], message):
    spoil(tls_server)
    tls_server.configure("client_ca_file: ca.crt", "client_auth_type: RequireAndVerifyClientCert")
    with pytest.raises(ConfigError) as caught:
        WebServer(webtools.site(), "127.0.0.1:0", tls_server.config).start()
    assert str(caught.value).startswith(f"{tls_server.directory}/{message}")
    assert "BEGIN" not in str(caught.value)
