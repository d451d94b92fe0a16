"""Converts texts of the configuration and the command line into typed values.

Every function here raises ValueError with a message that has the expected form and never contains the text, which
may be a secret in the wrong place.
"""

import argparse
import ipaddress
import math
import os
import re
import zoneinfo
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

from exporter.config.settings import JOB_NAME, Amount, Bounds, Pattern
from exporter.core.types import Address, Certificates, Ratio, Seconds, Secret, Url, WeeklyTime, Zone

Parsed = TypeVar("Parsed")

MAX_PORT = 65535
_UNITS = MappingProxyType({"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1})  # milliseconds
# Without a time zone database on this machine: the form of its names, which POSIX rules (UTC+8) do not have.
_ZONE = re.compile(r"(?:[A-Za-z_]+/){0,2}[A-Za-z_-]+|Etc/GMT[+-][0-9]{1,2}")
# Each unit at most once, the largest first, as Prometheus writes durations.
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKLY = re.compile(rf"({'|'.join(_WEEKDAYS)}) ([01][0-9]|2[0-3]):([0-5][0-9]) (\S+)")
# A host as DNS and container networks know them, and a path of RFC 3986 (appendix A, `pchar`). Alertmanager refuses a
# whole request with 422 for one link in it that is no URI.
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


def argument(read: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """A function of this module for argparse, which does not show the message of a ValueError."""

    def argument(text: str) -> Parsed:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return argument


def duration(text: str) -> Seconds:
    """Seconds from `15s`, `500ms`, `5m`, `1h30m`, `24h`, `7d`; exact to the millisecond.

    Shape: 0 or more; whether 0 makes sense is up to the caller.
    """
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError("a number needs its unit: 500ms, 15s, 5m, 1h30m, 7d")
    match = _DURATION.fullmatch(text)
    if not text or not match:
        raise ValueError("expected a duration such as 500ms, 15s, 5m, 1h30m or 7d")
    return Seconds(sum(int(match[unit] or 0) * size for unit, size in _UNITS.items()) / 1000)


def format_duration(seconds: float) -> str:
    """The shortest text that `duration` reads as these seconds, to the millisecond: `1h30m`."""
    rest = round(seconds * 1000)
    parts = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        parts.append(f"{count}{unit}" if count else "")
    return "".join(parts) or "0s"


def ratio(text: str) -> Ratio:
    """A share: above 0, at most 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise ValueError("expected a number above 0 and at most 1") from None
    return Ratio(value)


def whole_number(text: str) -> int:
    """A number without a sign; underscores may group its digits."""
    if not re.fullmatch(r"[0-9]{1,15}(?:_[0-9]{3}){0,4}", text):
        raise ValueError("expected a whole number")
    return int(text)


def amount(text: str) -> Amount:
    """A threshold: a number such as `2000` or `0.05`, or a time such as `10m`."""
    if re.fullmatch(r"[0-9]{1,15}(?:_[0-9]{3}){0,4}(?:\.[0-9]{1,15})?", text):
        return Amount(float(text))
    try:
        return Amount(duration(text), is_time=True)
    except ValueError:
        raise ValueError("expected a number such as 2000 or 0.05, or a duration such as 10m") from None


def boolean(text: str) -> bool:
    """True from `true`, False from `false`, in any case of letters."""
    if text.lower() not in ("true", "false"):
        raise ValueError("expected true or false")
    return text.lower() == "true"


def url(text: str) -> Url:
    """An absolute http or https URI (RFC 3986) without user, query or fragment. Slashes at its end are dropped.

    It must not contain secrets: it appears on pages and in logs.
    """
    try:
        parts = urlsplit(text)
        well_formed = bool(parts.hostname) and parts.port != 0  # reading the port checks it
    except ValueError:
        raise ValueError("not a URL") from None
    if parts.scheme not in ("http", "https") or not well_formed or not re.fullmatch(r"[!-~]+", text):
        raise ValueError("expected a URL such as http://localhost:3000/api/trpc")
    if "@" in parts.netloc:
        raise ValueError("holds a user or password; a URL is shown in logs and on pages, so it must not")
    if "?" in text or "#" in text:
        raise ValueError("holds a query or a fragment; leave it out")
    if not _HOST.fullmatch(parts.netloc) or not _PATH.fullmatch(parts.path):
        raise ValueError("holds a character that no URL may hold, such as { or }; percent-encode it, a % itself as %25")
    return Url(text.rstrip("/"))


def address(text: str) -> Address:
    """Where to listen: `host:port`, `[::]:9721`, `:9721` (every interface). Port 0 takes a free one."""
    split_address(text)
    return Address(text)


def split_address(text: str) -> tuple[str, int]:
    """Host and port of an address. Shape: the host has no brackets, and is empty for every interface."""
    match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]*)):(?P<port>[0-9]{1,5})", text)
    if not match or int(match["port"]) > MAX_PORT or not _is_host(match["host"] or "", match["six"]):
        raise ValueError("expected host:port, such as 0.0.0.0:9721, [::]:9721 or :9721")
    return match["six"] or match["host"], int(match["port"])


def port(text: str) -> int:
    """A TCP port; 0 is any free one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > MAX_PORT:
        raise ValueError(f"expected a port, 0 to {MAX_PORT}")
    return int(text)


def _is_host(host: str, six: str | None) -> bool:
    try:
        if six is not None:
            ipaddress.IPv6Address(six)
        elif re.fullmatch(r"[0-9.]+", host):
            ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def line(text: str) -> str:
    """A text without line breaks and other control characters."""
    if not text.isprintable():
        raise ValueError("holds a line break or another control character")
    return text


def job(text: str) -> str:
    """The name of a scrape job."""
    if not re.fullmatch(JOB_NAME.regex, text):
        raise ValueError(f"expected {JOB_NAME.meaning}")
    return text


def words(argument: str) -> str:
    """An argument of the command line, read as UTF-8 whatever the locale; other bytes become U+FFFD."""
    return os.fsencode(argument).decode("utf-8", "replace")


def zone(text: str) -> Zone:
    """A time zone by its name in the IANA database: Asia/Shanghai, America/St_Johns, UTC.

    PostgreSQL accepts other texts as well, some with a surprising meaning: UTC+8 is eight hours west there. Where the
    machine has the database, the name has to be in it; otherwise the server accepts or refuses it.
    """
    names = zoneinfo.available_timezones()
    if text not in names if names else not _ZONE.fullmatch(text):
        raise ValueError("expected a name of the IANA time zone database, such as Europe/Berlin or UTC")
    return Zone(text)


def weekly_time(text: str) -> WeeklyTime:
    """A time of the week: a weekday, a time of day, and the zone whose clock shows it."""
    match = _WEEKLY.fullmatch(text)
    if not match:
        raise ValueError("expected a weekday, a time and a time zone, such as Tue 10:00 Europe/Berlin")
    weekday, hour, minute, name = match.groups()
    return WeeklyTime(_WEEKDAYS.index(weekday), int(hour), int(minute), zone(name))


def secret(text: str) -> Secret:
    """A secret on one line: a line break in it would end the HTTP header that carries it."""
    return Secret(line(text))


_READERS: Mapping[object, Callable[[str], Any]] = MappingProxyType(
    {
        Seconds: duration,
        Ratio: ratio,
        Url: url,
        Address: address,
        Secret: secret,
        WeeklyTime: weekly_time,
        Zone: zone,
        int: whole_number,
        bool: boolean,
        str: str,
    }
)


def read(text: str, hint: Any, base: Path) -> Any:
    """The value of a field of that type. Relative paths are relative to `base`."""
    if get_origin(hint) is Annotated:
        kind, *limits = get_args(hint)
        value = read(text, kind, base)
        for limit in limits:
            _check(value, limit, kind)
        return value
    if get_origin(hint) is Literal:
        return _choice(text, get_args(hint))
    if hint is Path:
        return base / line(text)
    if hint is Certificates:
        # Not imported above: TLS takes 10 ms and 3 MB, and few configurations name certificates.
        return import_module("exporter.config.certificates").read(base / line(text))
    return _READERS[hint](text)


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}")
    return text


def _check(value: Any, limit: Bounds | Pattern, kind: object) -> None:
    if isinstance(limit, Pattern):
        text = value.latest if isinstance(value, Secret) else value
        if not re.fullmatch(limit.regex, text):
            raise ValueError(f"expected {limit.meaning}")
    elif not limit.low <= value <= limit.high:
        show = format_duration if kind is Seconds else str
        raise ValueError(f"expected {show(limit.low)} to {show(limit.high)}")
