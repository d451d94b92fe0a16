"""The image's health check against real servers, in each form of web configuration."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

import bcrypt
import pytest
import trustme
import yaml

from exporter.web.server import WebServer
from tests.webtools import get, site

SCRIPT = Path(__file__).parents[2] / "exporter" / "app" / "healthcheck.bash"


def check(**environment: str) -> tuple[int, str]:
    """Exit status and message. The server is in this process."""
    done = subprocess.run(
        [SCRIPT, str(os.getpid())], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture
def serve(tmp_path):
    """Serves at an address, with a web configuration of that text."""
    servers = []

    def start(web_config: str = "", listen: str = "127.0.0.1:0") -> WebServer:
        file = tmp_path / "web.yaml"
        file.write_text(web_config)
        server = WebServer(site(), listen, file)
        server.start()
        servers.append(server)
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


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.0.0.9:0", "0.0.0.0:0", ":0", "[::]:0", "[::1]:0"])
def test_a_server_at_any_address_is_alive(serve, listen):
    """One address, all of them, IPv4 and IPv6; nothing is printed. The configuration is wrong by now."""
    serve(listen=listen)
    assert check(OUTBOX_EXPORTER_CONFIG="/missing.yaml", OUTBOX_EXPORTER_WEB_LISTEN="nowhere") == (0, "")


def test_a_server_that_asks_for_a_password_is_alive(serve):
    """401 is an answer."""
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    serve(f"basic_auth_users: {{prometheus: {hashed}}}\n")
    assert check() == (0, "")


def test_a_server_at_its_rate_limit_is_alive(serve):
    """429 is an answer."""
    serve("rate_limit: {interval: 1h, burst: 1}\n")
    assert [check()[0] for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
@pytest.mark.parametrize("more", ["", ", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"])
def test_a_server_with_tls_is_alive(serve, tls, version, more):
    """In both versions of the protocol, also when it requires a client certificate. Nothing is logged."""
    serve(tls.replace("}", f"{more}, min_version: {version}, max_version: {version}}}"))
    assert check() == (0, "")


def test_a_server_error_is_not_alive(serve, monkeypatch):
    """5xx means that requests fail."""
    server = serve()

    async def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("exporter.web.middleware.RequestMiddleware._refusal", fail)
    assert check() == (1, f"{server.address}: HTTP 500\n")


@pytest.mark.parametrize("with_tls", [False, True])
def test_a_server_whose_event_loop_hangs_is_not_alive(serve, tls, with_tls):
    """Accepting a connection, which the kernel does by itself, is no sign of life."""
    server = serve(tls if with_tls else "")
    goes_on = threading.Event()
    server._loop.call_soon_threadsafe(goes_on.wait)
    try:
        assert check() == (1, f"{server.address}: no answer within 4 s\n")
    finally:
        goes_on.set()
    assert check() == (0, "")


def test_a_stopped_server_is_not_alive(serve):
    """Then the address in the variable is tried, whose refusal is printed."""
    server = serve()
    server.stop()
    status, message = check(OUTBOX_EXPORTER_WEB_LISTEN=server.address)
    assert status == 1
    assert f"{server.address.replace(':', '/')}: Connection refused" in message


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0", ""])
def test_without_a_published_address_the_variable_counts(serve, monkeypatch, listen):
    """As on a kernel without anonymous files; a wildcard is reached by loopback."""
    monkeypatch.delattr(os, "memfd_create")
    port = serve().address.rpartition(":")[2]
    assert check(OUTBOX_EXPORTER_WEB_LISTEN=f"{listen}:{port}") == (0, "")


def test_the_documented_probes_work_with_basic_authentication(serve):
    """docs/getting-started.md: by a header, or by the health check; without a password a probe gets 401."""
    page = (SCRIPT.parents[2] / "docs" / "getting-started.md").read_text("utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(\w+Probe:.*?)```", page, re.DOTALL)]
    probes = {name: probe for block in blocks for name, probe in block.items()}
    hashed = bcrypt.hashpw(b"probe-password", bcrypt.gensalt(4)).decode()
    url = serve(f"basic_auth_users: {{probe: {hashed}}}\n").url + probes["readinessProbe"]["httpGet"]["path"]
    headers = {each["name"]: each["value"] for each in probes["readinessProbe"]["httpGet"]["httpHeaders"]}
    assert (get(url).status_code, get(url, headers=headers).status_code) == (401, 200)
    assert probes["livenessProbe"]["exec"]["command"] == ["outbox-exporter-healthcheck"]
    assert check() == (0, "")
