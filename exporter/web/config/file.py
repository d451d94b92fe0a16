"""The web configuration file: TLS, basic authentication, headers, rate limit.

The format is that of Prometheus' exporter-toolkit, so one file serves all exporters of a machine.
Source: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md

The server speaks HTTP/1.1: `http2: true`, the toolkit's default, is accepted and has no effect. Differences in TLS are
listed in `exporter.web.config.tls`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from exporter.config import yaml_file
from exporter.core.problems import Problems
from exporter.core.types import Secret
from exporter.web.config.section import WebConfigSection
from exporter.web.config.tls import KEYS as TLS_KEYS
from exporter.web.config.tls import TlsSettings
from exporter.web.config.tls import read as read_tls

T = TypeVar("T")

# The headers that may be set, with their values where these are fixed. Source: the toolkit's documentation.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}

# A salt of 22 characters, of which the last holds two bits, and a digest of 31.
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
# 4 is bcrypt's minimum. 18 takes "up to a few seconds" (the toolkit's documentation), each further one doubles
# that, and Prometheus gives a scrape 10 s.
_COSTS = range(4, 19)
_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+|0")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket for all requests together: one token each `interval` seconds, `burst` tokens at most."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The whole file. Shape: `users` maps names to bcrypt hashes; empty means no authentication."""

    tls: TlsSettings | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, Secret] = field(default_factory=dict)
    rate_limit: RateLimit | None = None


def load(path: Path) -> WebConfig:
    """Read the file; file names in it are relative to its directory.

    Raises: ConfigError with every problem and its line. This checks that certificate files are readable;
    `exporter.web.config.reloader` loads them.
    """
    problems = Problems()
    root = yaml_file.load_file(path, problems)
    root.refuse_unknown(("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"), problems)

    def section(name: str, read: Callable[[yaml_file.Mapping], T]) -> T | None:
        mapping = yaml_file.as_mapping(root.get(name), problems)
        return read(mapping) if mapping and mapping.entries else None

    config = WebConfig(
        section("tls_server_config", lambda found: read_tls(WebConfigSection(found, problems, TLS_KEYS), path.parent)),
        section(
            "http_server_config", lambda found: _http(WebConfigSection(found, problems, ("http2", "headers")), problems)
        )
        or (),
        section("basic_auth_users", lambda found: _users(found, problems)) or {},
        section("rate_limit", lambda found: _rate_limit(WebConfigSection(found, problems, ("interval", "burst")))),
    )
    problems.check()
    return config


def _http(section: WebConfigSection, problems: Problems) -> tuple[tuple[str, str], ...]:
    section.boolean("http2", default=True)
    mapping = yaml_file.as_mapping(section.mapping.get("headers"), problems)
    if mapping is None:
        return ()
    headers = WebConfigSection(mapping, problems, HEADERS)
    values = {name: headers.text(name) for name in HEADERS}
    for name, value in values.items():
        if value and HEADERS[name] and value not in HEADERS[name]:
            headers.problem(name, f"not one of {', '.join(HEADERS[name])}")
        elif not _PRINTABLE.fullmatch(value):
            headers.problem(name, "a header holds printable ASCII on one line")
    return tuple((name, value) for name, value in values.items() if value)


def _users(mapping: yaml_file.Mapping, problems: Problems) -> dict[str, Secret]:
    users = {}
    for user, node in mapping.items():
        if not user or ":" in user:
            problems.add(node.place, "a user name is not empty and holds no ':'")
        users[user] = Secret(_hash(node, problems))
    return users


def _hash(node: yaml_file.Node, problems: Problems) -> str:
    text = yaml_file.as_text(node, problems) or ""
    match = _BCRYPT.fullmatch(text)
    if match is None and node.place not in problems:
        problems.add(node.place, "not a bcrypt hash; `htpasswd -nBC 10 \"\" | tr -d ':\\n'` makes one")
    elif match and int(match[1]) not in _COSTS:
        problems.add(node.place, f"the bcrypt cost is not within {_COSTS[0]} to {_COSTS[-1]}")
    return text


def _rate_limit(section: WebConfigSection) -> RateLimit | None:
    interval = _duration(section, "interval")
    burst = section.text("burst")
    if not interval:
        return None
    if not _COUNT.fullmatch(burst):
        section.problem("burst", "expected a whole number above 0; without it every request would be refused")
        return None
    return RateLimit(interval, int(burst))


def _duration(section: WebConfigSection, key: str) -> float:
    """Seconds; 0 when absent. Go's notation: 1s, 250ms, 1m30s."""
    text = section.text(key)
    if text and not _DURATION.fullmatch(text):
        section.problem(key, "expected a duration such as 1s, 250ms or 1m30s; 0 disables the limit")
        return 0
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
