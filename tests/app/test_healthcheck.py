"""The health check against real servers, and where it looks for them."""

import socket

import bcrypt
import pytest
import trustme

from exporter.app import healthcheck
from exporter.app.healthcheck import HealthcheckTarget
from exporter.config.settings import WebSettings
from exporter.core.types import Address
from exporter.lab.ports import free_port
from exporter.web.server import WebServer
from tests.webtools import site


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serves with a web configuration of that text, and points the environment to it."""
    servers = []

    def start(web_config: str = "") -> WebServer:
        file = tmp_path / "web.yaml"
        file.write_text(web_config)
        server = WebServer(site(), "127.0.0.1:0", file)
        server.start()
        servers.append(server)
        monkeypatch.setenv("OUTBOX_EXPORTER_WEB_LISTEN", server.address)
        monkeypatch.setenv("OUTBOX_EXPORTER_WEB_CONFIG_FILE", str(file))
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def tls(tmp_path):
    """The section of a server with TLS and an untrusted certificate."""
    authority = trustme.CA()
    certificate = authority.issue_cert("exporter.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"


def test_a_plain_server_is_alive(serve, capsys):
    """Nothing is printed."""
    serve()
    assert healthcheck.main() == 0
    assert capsys.readouterr() == ("", "")


def test_a_server_that_asks_for_a_password_is_alive(serve):
    """401 is an answer."""
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    serve(f"basic_auth_users: {{prometheus: {hashed}}}\n")
    assert healthcheck.main() == 0


def test_a_server_at_its_rate_limit_is_alive(serve):
    """429 is an answer."""
    serve("rate_limit: {interval: 1h, burst: 1}\n")
    assert [healthcheck.main() for _ in range(3)] == [0, 0, 0]


def test_a_server_with_tls_is_alive(serve, tls):
    """Its certificate, issued for another name by a stranger, does not matter."""
    serve(tls)
    assert healthcheck.main() == 0


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
def test_a_server_that_requires_a_client_certificate_is_alive(serve, tls, version):
    """Its refusal of the handshake is an answer, in both versions of the protocol."""
    wants = "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
    serve(tls.replace("}", f", {wants}, min_version: {version}, max_version: {version}}}"))
    assert healthcheck.main() == 0


def test_a_stopped_server_is_not_alive(serve, capsys):
    """The reason is printed, with the place."""
    server = serve()
    server.stop()
    assert healthcheck.main() == 1
    assert server.address in capsys.readouterr().err


def test_a_server_that_is_stuck_is_not_alive(monkeypatch, capsys):
    """Accepting a connection, which the kernel does by itself, is no sign of life."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        monkeypatch.setenv("OUTBOX_EXPORTER_WEB_LISTEN", f"{host}:{port}")
        monkeypatch.setattr(healthcheck, "TIMEOUT", 0.2)
        assert healthcheck.main() == 1
        assert healthcheck.probe(HealthcheckTarget(host, port, tls=True), tls=True)[0] is False
    assert "timed out" in capsys.readouterr().err


@pytest.mark.parametrize("listen", ["0.0.0.0:9000", "[::]:9000", ":9000"])
def test_a_wildcard_address_is_checked_by_loopback(listen):
    """No address of the machine has to be known."""
    assert healthcheck.target({"OUTBOX_EXPORTER_WEB_LISTEN": listen}) == HealthcheckTarget("localhost", 9000, tls=False)


def test_without_any_setting_the_default_is_checked():
    """The port that the image exposes."""
    assert healthcheck.target({}) == HealthcheckTarget("localhost", 9721, tls=False)


def test_the_configuration_file_is_read(tmp_path, tls):
    """A path in it is relative to it, TLS or not."""
    (tmp_path / "web.yaml").write_text(tls)
    (tmp_path / "config.yaml").write_text("web: {listen: 'localhost:1234', config_file: web.yaml}\n")
    found = healthcheck.target({"OUTBOX_EXPORTER_CONFIG": str(tmp_path / "config.yaml")})
    assert found == HealthcheckTarget("localhost", 1234, tls=True)


def test_a_configuration_broken_meanwhile_is_no_failure(serve, monkeypatch, tmp_path):
    """Then the default address is asked, plainly and by TLS."""
    server = serve()
    (tmp_path / "config.yaml").write_text("no such section: {}\n")
    monkeypatch.setenv("OUTBOX_EXPORTER_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setattr(healthcheck, "WebSettings", lambda: WebSettings(listen=Address(server.address)))
    assert healthcheck.target({"OUTBOX_EXPORTER_CONFIG": str(tmp_path / "config.yaml")}).tls is None
    assert healthcheck.main() == 0


def test_a_configuration_broken_meanwhile_hides_no_silence(monkeypatch, tmp_path, capsys):
    """No server at the default address: not alive, with both attempts in the message."""
    address = Address(f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("OUTBOX_EXPORTER_CONFIG", str(tmp_path / "missing.yaml"))
    monkeypatch.setattr(healthcheck, "WebSettings", lambda: WebSettings(listen=address))
    assert healthcheck.main() == 1
    assert capsys.readouterr().err.count("refused") == 2
