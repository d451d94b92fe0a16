"""Builds an SSLContext from TLS settings, and reads the names of a client certificate."""

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from exporter.core.errors import ConfigError
from exporter.web.config.tls import ClientAuth, Pem, TlsSettings

_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE: ssl.CERT_REQUIRED,
}


def build(settings: TlsSettings) -> ssl.SSLContext:
    """A server context with certificate, key and CA loaded.

    Raises: ConfigError with the place of a file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = settings.minimum
    context.maximum_version = settings.maximum
    context.set_alpn_protocols(["http/1.1"])
    if settings.prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if settings.ciphers:
        context.set_ciphers(":".join(settings.ciphers))
    if settings.curve:
        context.set_ecdh_curve(settings.curve)
    _load_certificate(context, settings)
    _load_client_ca(context, settings)
    return context


def _load_certificate(context: ssl.SSLContext, settings: TlsSettings) -> None:
    with _file_of(settings.cert) as cert, _file_of(settings.key) as key:
        try:
            # Without a password OpenSSL would prompt for one on the terminal.
            context.load_cert_chain(cert, key, password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = f"certificate and key cannot be used: {_reason(error)}"
            raise ConfigError((f"{settings.cert.place}: {reason}",)) from error


def _load_client_ca(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if settings.client_ca is None:
        return
    try:
        with _file_of(settings.client_ca) as file:
            context.load_verify_locations(file)
    except (OSError, ValueError) as error:
        raise ConfigError((f"{settings.client_ca.place}: no CA can be read from it: {_reason(error)}",)) from error
    context.verify_mode = _VERIFY[settings.client_auth]


def _reason(error: Exception) -> str:
    """OpenSSL's reason, which names the problem and never shows content."""
    if isinstance(error, ssl.SSLError):
        known = {"KEY_VALUES_MISMATCH": "they do not belong together", "BAD_DECRYPT": "encrypted keys take no password"}
        return known.get(error.reason or "", error.reason or "not PEM")
    return (error.strerror if isinstance(error, OSError) else None) or "not PEM"


@contextmanager
def _file_of(pem: Pem) -> Iterator[str]:
    """The path of a file with that content, because OpenSSL loads certificates by path only.

    On Linux an inline key is in a memory file and never on disk; elsewhere in a temporary file of mode 0600.
    """
    if pem.file:
        yield str(pem.file)
    elif hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem"), "w") as file:
            file.write(pem.text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:  # pragma: no cover - not on Linux
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(pem.text)
            file.flush()
            yield file.name


def certificate_names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The subject alternative names of a verified client certificate, as `getpeercert` returns it.

    Shape: DNS, e-mail and URI names unchanged, IP addresses in their short form, as Go prints them.
    """
    found = (certificate or {}).get("subjectAltName", ())
    return frozenset(_short(value) if kind == "IP Address" else value for kind, value in found)


def _short(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.strip()))
    except ValueError:
        return address
