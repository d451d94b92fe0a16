"""TLS as the web configuration says: versions, client certificates, and new certificates without a restart."""

import gc
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from exporter.core.errors import ConfigError
from exporter.web.config import reloader
from exporter.web.connection import ClientConnection
from exporter.web.server import ServerLimits, WebServer
from tests import webtools


@dataclass
class World:
    """A directory with certificates and a web configuration file."""

    directory: Path
    ca: trustme.CA
    config: Path

    def issue(self, name: str, *identities: str, ca: trustme.CA | None = None) -> None:
        made = (ca or self.ca).issue_cert(*identities)
        made.private_key_pem.write_to_path(self.directory / f"{name}.key")
        pems = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        (self.directory / f"{name}.crt").write_bytes(pems)

    def configure(self, *lines: str) -> None:
        base = ("tls_server_config:", "  cert_file: server.crt", "  key_file: server.key")
        self.config.write_text("\n".join((*base, *(f"  {line}" for line in lines))) + "\n")

    @contextmanager
    def serving(self, *lines: str, limits: ServerLimits | None = None) -> Iterator[int]:
        self.configure(*lines)
        with WebServer(webtools.site(), "127.0.0.1:0", self.config, limits) as server:
            assert server.url == f"https://{server.address}"
            yield int(server.address.rpartition(":")[2])

    def client(self, certificate: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.directory / "ca.crt"))
        if certificate:
            context.load_cert_chain(self.directory / f"{certificate}.crt", self.directory / f"{certificate}.key")
        return context


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, trustme.CA(), tmp_path / "web.yml")
    made.ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    made.issue("server", "localhost", "127.0.0.1")
    return made


@dataclass
class Talk:
    """What came of one request over TLS."""

    answer: bytes
    version: str
    cipher: str
    certificate: Mapping[str, object]
    protocol: str | None


def talk(port: int, context: ssl.SSLContext) -> Talk:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        cipher, certificate = secure.cipher(), secure.getpeercert()
        assert cipher
        assert certificate
        secure.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: secure.recv(4096), b""))
        return Talk(answer, secure.version() or "", cipher[0], certificate, secure.selected_alpn_protocol())


def is_refused(port: int, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client learns only when it reads that its certificate was not good enough."""
    try:
        return not talk(port, context).answer
    except (ssl.SSLError, ConnectionError):
        return True


def test_tls_13_and_12_are_spoken_and_http_2_is_not(world):
    offer = world.client()
    offer.set_alpn_protocols(["h2", "http/1.1"])
    older = world.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with world.serving() as port:
        new, old = talk(port, offer), talk(port, older)
    assert (new.version, old.version) == ("TLSv1.3", "TLSv1.2")
    assert new.protocol == "http/1.1"
    assert new.answer.startswith(b"HTTP/1.1 200 ")


def test_plain_http_on_a_tls_port_is_no_answer(world):
    with world.serving() as port, socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionError):
            assert b"HTTP" not in plain.recv(4096)


def test_versions_can_be_narrowed(world):
    older, newer = world.client(), world.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    with world.serving("min_version: TLS13") as port:
        assert (is_refused(port, older), is_refused(port, newer)) == (True, False)
    with world.serving("max_version: TLS12") as port:
        assert (is_refused(port, older), is_refused(port, newer)) == (False, True)


def test_cipher_and_curve_can_be_chosen(world):
    older = world.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    other_curve = world.client()
    other_curve.set_ecdh_curve("secp521r1")
    chosen = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]"
    with world.serving(chosen, "curve_preferences: [CurveP256]") as port:
        assert talk(port, older).cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"
        assert is_refused(port, other_curve)


@pytest.mark.parametrize(
    ("mode", "nobody", "own", "foreign"),
    [
        ("NoClientCert", True, True, True),
        ("RequestClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
    ],
)
def test_client_certificates(world, mode, nobody, own, foreign):
    """Who gets in without a certificate, with one of our CA, with one of another CA."""
    world.issue("own", "prometheus")
    world.issue("foreign", "prometheus", ca=trustme.CA())
    ca = ("client_ca_file: ca.crt",) if mode.startswith(("Verify", "RequireAnd")) else ()
    with world.serving(f"client_auth_type: {mode}", *ca) as port:
        let_in = [not is_refused(port, world.client(who)) for who in (None, "own", "foreign")]
    assert let_in == [nobody, own, foreign]


@pytest.mark.parametrize(
    ("identity", "let_in"), [("prometheus.internal", True), ("127.0.0.9", True), ("::1", True), ("elsewhere", False)]
)
def test_client_names(world, identity, let_in):
    world.issue("client", identity)
    sans = "client_allowed_sans: [prometheus.internal, 127.0.0.9, '::1']"
    require = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.crt")
    with world.serving(*require, sans) as port:
        assert is_refused(port, world.client("client")) is not let_in


def test_certificate_and_key_inside_the_file(world):
    def indented(name: str) -> str:
        return "".join(f"    {line}\n" for line in (world.directory / name).read_text().splitlines())

    world.config.write_text(
        f"tls_server_config:\n  cert: |\n{indented('server.crt')}  key: |\n{indented('server.key')}"
        f"  client_ca: |\n{indented('ca.crt')}  client_auth_type: RequireAndVerifyClientCert\n"
    )
    world.issue("client", "prometheus")
    with WebServer(webtools.site(), "127.0.0.1:0", world.config) as server:
        port = int(server.address.rpartition(":")[2])
        assert talk(port, world.client("client")).answer.startswith(b"HTTP/1.1 200 ")
        assert is_refused(port, world.client())


def swap_key(world: World) -> None:
    world.issue("other", "localhost")
    (world.directory / "other.key").replace(world.directory / "server.key")


def encrypt_key(world: World) -> None:
    (world.directory / "server.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (swap_key, "web.yml:2: tls_server_config.cert_file: certificate and key cannot be used: they do not belong"),
        (encrypt_key, "web.yml:2: tls_server_config.cert_file: certificate and key cannot be used"),
        (lambda world: (world.directory / "server.crt").write_text("?"), "web.yml:2: tls_server_config.cert_file: "),
        (lambda world: (world.directory / "ca.crt").write_text("?"), "web.yml:4: tls_server_config.client_ca_file: "),
    ],
)
def test_certificates_that_cannot_be_used_end_the_start(world, spoil: Callable[[World], None], message):
    spoil(world)
    world.configure("client_ca_file: ca.crt", "client_auth_type: RequireAndVerifyClientCert")
    with pytest.raises(ConfigError) as caught:
        WebServer(webtools.site(), "127.0.0.1:0", world.config).start()
    assert str(caught.value).startswith(message)
    assert "BEGIN" not in str(caught.value)


def test_a_new_certificate_is_used_without_a_restart(world, monkeypatch):
    monkeypatch.setattr(reloader, "CHECK_INTERVAL", 0)
    with world.serving() as port:
        first = talk(port, world.client()).certificate["serialNumber"]
        world.issue("server", "localhost")
        second = talk(port, world.client()).certificate["serialNumber"]
        (world.directory / "server.crt").write_text("half-writ")
        third = talk(port, world.client()).certificate["serialNumber"]
    assert first != second
    assert second == third


def test_half_open_handshakes_end_and_starve_nobody(world):
    with world.serving(limits=ServerLimits(handshake=0.3)) as port:
        stalled = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(100)]
        for client in stalled[::2]:
            client.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        assert talk(port, world.client()).answer.startswith(b"HTTP/1.1 200 ")
        assert {client.recv(1) for client in stalled} == {b""}
    for client in stalled:
        client.close()


def stall_handshakes(port: int, number: int) -> None:
    """Half-open handshakes, of which at most 300 at a time stay open on this side."""
    stalled: deque[socket.socket] = deque()
    for _ in range(number):
        stalled.append(socket.create_connection(("127.0.0.1", port), timeout=5))
        stalled[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
        if len(stalled) > 300:
            stalled.popleft().close()
    for client in stalled:
        client.close()


def test_what_is_given_up_is_freed_at_once(world):
    """Without waiting for the garbage collector, which may take minutes and leaves the memory in pieces."""
    gc.collect()
    gc.disable()
    try:
        with world.serving(limits=ServerLimits(connections=20)) as port:
            stall_handshakes(port, 200)
            for _ in range(30):
                talk(port, world.client())
            alive = sum(isinstance(one, ClientConnection) for one in gc.get_objects())
    finally:
        gc.enable()
    assert alive <= 20


def test_a_half_open_handshake_takes_little_memory(world):
    """Asyncio's own choice would be 256 KB each."""
    with world.serving() as port:
        stalled = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
        talk(port, world.client())
        buffers = [len(vars(one)["_ssl_buffer"]) for one in gc.get_objects() if isinstance(one, SSLProtocol)]
    assert len(buffers) >= 50
    assert max(buffers) <= 32 * 1024
    for client in stalled:
        client.close()
