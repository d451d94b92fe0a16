"""A web server with TLS and certificates of its own, and a client."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from exporter.web.server import ServerLimits, WebServer
from tests import webtools


@dataclass
class TlsServer:
    """A directory with certificates and a web configuration file, and the server that uses it."""

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


@dataclass
class Exchange:
    """The response to one request over TLS, and the parameters of the connection."""

    answer: bytes
    version: str
    cipher: str
    certificate: Mapping[str, object]
    protocol: str | None


def exchange_message(port: int, context: ssl.SSLContext) -> Exchange:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        cipher, certificate = secure.cipher(), secure.getpeercert()
        assert cipher
        assert certificate
        secure.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: secure.recv(4096), b""))
        return Exchange(answer, secure.version() or "", cipher[0], certificate, secure.selected_alpn_protocol())


def is_refused(port: int, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client learns only when it reads that its certificate was not good enough."""
    try:
        return not exchange_message(port, context).answer
    except (ssl.SSLError, ConnectionError):
        return True
