"""`python -m exporter.app.healthcheck`: checks that the exporter on this machine is alive; the image's HEALTHCHECK.

Where it listens is read from the same configuration, OUTBOX_EXPORTER_CONFIG and the other variables. A `--config`
among the arguments of `serve` cannot be seen from here, so a container is better configured by that variable.

Exit status: 0 alive, 1 not. Orchestrators restart on 1, so only no answer and 5xx count as that. A refusal proves that
the exporter is alive: 401 without a password, 429 under a rate limit, a failed handshake without a client certificate.
"""

import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from exporter.config import loader
from exporter.config.settings import WebSettings
from exporter.config.values import split_address
from exporter.core.errors import ConfigError
from exporter.web.config import file

# Seconds; shorter than the HEALTHCHECK's own timeout (5 s), so that the reason is printed.
TIMEOUT = 4.0
# The rest of the configuration is not checked here.
_UNCHECKED = loader.ExternalChecks(dsn=lambda _: None, override=lambda _: None)
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound


@dataclass(frozen=True, slots=True)
class HealthcheckTarget:
    """The address to request. `tls` None: unknown, so both are tried."""

    host: str
    port: int
    tls: bool | None


def main() -> int:
    """Request once; returns the exit status, after at most `TIMEOUT` seconds per attempt."""
    where = target(os.environ)
    answers = [probe(where, tls=tls) for tls in ((False, True) if where.tls is None else (where.tls,))]
    if any(alive for alive, _ in answers):
        return 0
    print(f"{where.host}:{where.port}: {'; '.join(words for _, words in answers)}", file=sys.stderr)  # noqa: T201
    return 1


def target(environ: Mapping[str, str]) -> HealthcheckTarget:
    """Where the exporter with this environment listens; reached by loopback when it listens everywhere.

    With a configuration that is wrong at the moment the exporter goes on with the one it read before. Then the default
    address is tried.
    """
    path = environ.get("OUTBOX_EXPORTER_CONFIG")
    try:
        web = loader.load(Path(path) if path else None, environ, _UNCHECKED).web
        tls = bool(file.load(web.config_file).tls) if web.config_file else False
    except ConfigError:
        web, tls = WebSettings(), None
    host, port = split_address(web.listen)
    return HealthcheckTarget("localhost" if host in _WILDCARDS else host, port, tls)


def probe(where: HealthcheckTarget, *, tls: bool) -> tuple[bool, str]:
    """Whether a server answers, and its status or error. The certificate, made for other hosts, is not verified."""
    connection = HTTPConnection(where.host, where.port, timeout=TIMEOUT)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = HTTPSConnection(where.host, where.port, timeout=TIMEOUT, context=context)
    try:
        connection.request("GET", "/-/healthy")
        status = connection.getresponse().status
    except (ssl.SSLError, ConnectionResetError) as error:
        # Without a client certificate the server closes the connection, with or without a TLS alert: it is alive.
        return tls, str(error)
    except (OSError, HTTPException) as error:
        return False, str(error) or type(error).__name__
    finally:
        connection.close()
    return status < HTTPStatus.INTERNAL_SERVER_ERROR, f"HTTP {status}"


if __name__ == "__main__":
    sys.exit(main())
