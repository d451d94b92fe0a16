"""The section `tls_server_config` of the web configuration file.

Differences from the toolkit; each refuses a file instead of protecting less than it appears to:

- TLS 1.0 and 1.1 are refused (RFC 8996; OpenSSL 3 does not offer them at its default security level).
- Python's ssl cannot require a client certificate without verifying it: `RequireAnyClientCert` is refused.
  `RequestClientCert` neither requires nor verifies one, so none is requested.
- Verifying client certificates needs a client CA; the system's public CAs are never used for that.
- A section with any key needs a certificate; the toolkit would serve plain HTTP when only a version is given.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from exporter.core.problems import Place
from exporter.web.config.section import WebConfigSection


class ClientAuth(StrEnum):
    """Whether a client certificate is requested and verified."""

    NONE = "none"
    VERIFY_IF_GIVEN = "verify if given"
    REQUIRE = "require and verify"


# Go's names as in crypto/tls.CipherSuites(), and OpenSSL's. Those of TLS 1.3 are always on, in Go as here.
CIPHERS: Mapping[str, str | None] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
}
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_UNVERIFIABLE = ("RequireAnyClientCert", "RequireClientCert")  # the second is the toolkit's old name of the first
_CLIENT_AUTH = {
    "NoClientCert": ClientAuth.NONE,
    "RequestClientCert": ClientAuth.NONE,
    "VerifyClientCertIfGiven": ClientAuth.VERIFY_IF_GIVEN,
    "RequireAndVerifyClientCert": ClientAuth.REQUIRE,
}
_OLD_VERSIONS = ("TLS10", "TLS11")

KEYS = (
    *("cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"),
    *("client_allowed_sans", "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites"),
    "curve_preferences",
)


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate, key or CA, in a file or inline in the web configuration. `place` is that of its key."""

    place: Place
    file: Path | None
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The TLS settings. Shape: `ciphers` and `curve` are names of OpenSSL; empty leaves the choice to OpenSSL."""

    cert: Pem
    key: Pem
    client_ca: Pem | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    allowed_sans: frozenset[str] = frozenset()
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    prefer_server_ciphers: bool = True
    curve: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of certificate, key and CA."""
        return tuple(pem.file for pem in (self.cert, self.key, self.client_ca) if pem and pem.file)


def read(section: WebConfigSection, directory: Path) -> TlsSettings | None:
    """The settings of a section; file names are relative to `directory`. None when no certificate is given."""
    cert = _needed(section, directory, "cert")
    key = _needed(section, directory, "key")
    client_auth = _client_auth(section)
    client_ca = _client_ca(section, directory, client_auth)
    ciphers, minimum, maximum = _ciphers_and_versions(section)
    sans = _allowed_sans(section, client_auth)
    curve = _curve(section)
    prefer_server = section.boolean("prefer_server_cipher_suites", default=True)
    if cert is None or key is None:
        return None
    return TlsSettings(cert, key, client_ca, client_auth, sans, minimum, maximum, ciphers, prefer_server, curve)


def _needed(section: WebConfigSection, directory: Path, name: str) -> Pem | None:
    if not section.has(name) and not section.has(f"{name}_file"):
        section.problem(f"{name}_file", f"TLS needs {name}_file (or {name})")
    return _pem(section, directory, name)


def _pem(section: WebConfigSection, directory: Path, name: str) -> Pem | None:
    in_file = f"{name}_file"
    text, file = section.text(name), section.text(in_file)
    if text and file:
        section.problem(in_file, f"give either {name} or {in_file}")
    if file:
        path = directory / file
        _check_readable(section, in_file, path)
        return Pem(section.mapping.place_of(in_file), path, "")
    return Pem(section.mapping.place_of(name), None, text) if text else None


def _check_readable(section: WebConfigSection, key: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        section.problem(key, f"cannot read {path}: {error.strerror}")


def _client_auth(section: WebConfigSection) -> ClientAuth:
    if section.text("client_auth_type") in _UNVERIFIABLE:
        section.problem(
            "client_auth_type",
            "an unverified certificate proves nothing and cannot be required; "
            "use RequireAndVerifyClientCert with a client_ca_file",
        )
        return ClientAuth.NONE
    return section.choice("client_auth_type", _CLIENT_AUTH, ClientAuth.NONE)


def _client_ca(section: WebConfigSection, directory: Path, client_auth: ClientAuth) -> Pem | None:
    client_ca = _pem(section, directory, "client_ca")
    if client_auth is not ClientAuth.NONE and client_ca is None:
        section.problem("client_auth_type", "verifying client certificates needs client_ca_file (or client_ca)")
    if client_ca is not None and section.text("client_auth_type") in ("", "NoClientCert", "RequestClientCert"):
        section.problem(
            "client_ca" if section.has("client_ca") else "client_ca_file",
            "this client CA has no effect; set client_auth_type: RequireAndVerifyClientCert",
        )
    return client_ca


def _allowed_sans(section: WebConfigSection, client_auth: ClientAuth) -> frozenset[str]:
    sans = frozenset(section.texts("client_allowed_sans"))
    if sans and client_auth is not ClientAuth.REQUIRE:
        section.problem("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    if section.is_empty_list("client_allowed_sans"):
        section.problem("client_allowed_sans", "is empty, so no client could connect; leave it out to allow all")
    return sans


def _ciphers_and_versions(section: WebConfigSection) -> tuple[tuple[str, ...], ssl.TLSVersion, ssl.TLSVersion]:
    chosen = section.choices("cipher_suites", CIPHERS)
    ciphers = tuple(name for name in chosen if name)
    # Suites of TLS 1.3 alone leave none for TLS 1.2, as they do in Go.
    lowest = "TLS13" if chosen and not ciphers else "TLS12"
    minimum = max(_version(section, "min_version", "TLS12"), VERSIONS[lowest])
    maximum = _version(section, "max_version", "TLS13")
    if minimum > maximum:
        reason = "no cipher_suites for it are listed" if lowest == "TLS13" else "it is below min_version"
        section.problem("max_version", f"TLS12 at most leaves no version: {reason}")
    return ciphers, minimum, maximum


def _version(section: WebConfigSection, key: str, default: str) -> ssl.TLSVersion:
    if section.text(key) in _OLD_VERSIONS:
        section.problem(key, "TLS 1.0 and 1.1 are deprecated (RFC 8996) and not supported; use TLS12 or TLS13")
        return VERSIONS[default]
    return section.choice(key, VERSIONS, VERSIONS[default])


def _curve(section: WebConfigSection) -> str:
    curves = section.choices("curve_preferences", CURVES)
    if len(curves) > 1:
        section.problem("curve_preferences", "Python's ssl accepts a single curve; name one, or leave the key out")
    return curves[0] if curves else ""
