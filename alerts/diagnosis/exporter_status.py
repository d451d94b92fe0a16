"""The status of the running exporter, requested from this machine."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from exporter.config.settings import WebSettings
from exporter.config.values import split_address
from exporter.core.humanize import duration

# How long the exporter may take to answer, seconds.
TIMEOUT: Final = 2.0
_ON_LOOPBACK: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced


@dataclass(frozen=True, slots=True)
class ExporterStatus:
    """Whether an exporter accepts connections and answers, why not, and its document of /api/v1/status.

    `document` is empty when the exporter answers and asks for TLS or credentials.
    """

    accepts: bool
    answers: bool
    problem: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)


def read(web: WebSettings) -> ExporterStatus:
    """Request the status at `web.listen`; takes at most a few seconds."""
    host, port = split_address(web.listen)
    host = _ON_LOOPBACK.get(host, host)
    try:
        if web.config_file is not None:
            socket.create_connection((host, port), TIMEOUT).close()
            return ExporterStatus(accepts=True, answers=True)
        return ExporterStatus(accepts=True, answers=True, document=_document(host, port))
    except TimeoutError:
        return ExporterStatus(accepts=True, answers=False, problem=f"no answer within {duration(TIMEOUT)}")
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return ExporterStatus(accepts=False, answers=False, problem=reason)


def _document(host: str, port: int) -> Mapping[str, Any]:
    """Raises: OSError, HTTPException."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/api/v1/status")
        response = connection.getresponse()
        found = json.loads(response.read()) if response.status == http.HTTPStatus.OK else {}
    except ValueError:  # another program answers there, or a proxy
        found = {}
    finally:
        connection.close()
    return found if isinstance(found, dict) else {}
