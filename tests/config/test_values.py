"""Texts into typed values: exact where they are right, refused without being shown where they are not."""

import random
from pathlib import Path
from typing import Annotated

import pytest

from exporter.config import values
from exporter.config.keys import KEYS
from exporter.config.settings import Amount, Bounds
from exporter.core.types import Certificates, Seconds, WeeklyTime, Zone


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15),
        ("500ms", 0.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("24h", 86400),
        ("7d", 604800),
        ("1d2h3m4s5ms", 93784.005),
        ("90m", 5400),
        ("0s", 0),
        ("1ms", 0.001),
    ],
)
def test_durations(text, seconds):
    """Units from days to milliseconds, the largest first."""
    assert values.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "s", "15 s", "-5s", "1.5s", "5s5m", "1s1s", "5M", "1y", "\u0661s", "15s\n", "1e3s"]
)
def test_nonsense_is_no_duration(text):
    """Signs, fractions, blanks, unknown, repeated or unordered units are refused."""
    with pytest.raises(ValueError, match="expected a duration such as"):
        values.duration(text)


@pytest.mark.parametrize("text", ["0", "15", "1.5", "007"])
def test_the_error_for_a_bare_number_names_units(text):
    """A number without its unit is refused with the units that there are, zero too."""
    with pytest.raises(ValueError, match="a number needs its unit"):
        values.duration(text)


def test_durations_round_trip():
    """Every number of milliseconds is written and read back exactly."""
    rng = random.Random(20251118)
    for milliseconds in [*range(2000), *(rng.randrange(10 ** rng.randrange(1, 12)) for _ in range(2000))]:
        text = values.format_duration(milliseconds / 1000)
        assert values.duration(text) == milliseconds / 1000
        assert values.format_duration(values.duration(text)) == text


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("0.01", 0.01), ("1e-3", 0.001), (".5", 0.5)])
def test_ratios(text, value):
    """A share above nothing, up to all."""
    assert values.ratio(text) == value


@pytest.mark.parametrize("text", ["0", "0.0", "1.0001", "-0.1", "nan", "inf", "-inf", "1%", "", "half"])
def test_nonsense_is_no_ratio(text):
    """Nothing, more than all, NaN, infinity and percent are refused."""
    with pytest.raises(ValueError, match="expected a number above 0 and at most 1"):
        values.ratio(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Mon 00:00 UTC", WeeklyTime(0, 0, 0, Zone("UTC"))),
        ("Tue 10:05 Europe/Berlin", WeeklyTime(1, 10, 5, Zone("Europe/Berlin"))),
        ("Sun 23:59 America/St_Johns", WeeklyTime(6, 23, 59, Zone("America/St_Johns"))),
    ],
)
def test_weekly_times(text, value):
    """A weekday, a time of day and a zone."""
    assert values.weekly_time(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Tue 10:00", "expected a weekday, a time and a time zone"),
        ("tue 10:00 UTC", "expected a weekday, a time and a time zone"),
        ("Tue 24:00 UTC", "expected a weekday, a time and a time zone"),
        ("Tue 1:00 UTC", "expected a weekday, a time and a time zone"),
        ("7d", "expected a weekday, a time and a time zone"),
        ("Tue 10:00 Europe/Nowhere", "expected a name of the IANA time zone database"),
    ],
)
def test_nonsense_is_no_weekly_time(text, message):
    """Without a zone nobody knows whose ten o'clock it is."""
    with pytest.raises(ValueError, match=message):
        values.weekly_time(text)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("1_000_000", 1_000_000), ("1000000", 1_000_000)])
def test_whole_numbers(text, value):
    """Digits, which may be grouped."""
    assert values.whole_number(text) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", "0x10", "1_0", "_1", "1 000", "\u0663", "9" * 5000])
def test_nonsense_is_no_whole_number(text):
    """Signs, fractions, other bases and endless digits are refused."""
    with pytest.raises(ValueError, match=r"^expected a whole number$"):
        values.whole_number(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("http://localhost:3000/api/trpc", "http://localhost:3000/api/trpc"),
        ("https://app.example/trpc/", "https://app.example/trpc"),
        ("http://[::1]:4000/trpc", "http://[::1]:4000/trpc"),
        ("https://app.example", "https://app.example"),
        ("http://course_app:4000/trpc", "http://course_app:4000/trpc"),
        ("https://wiki.example/run%20books/~ops/a+b(c)@1;v=2", "https://wiki.example/run%20books/~ops/a+b(c)@1;v=2"),
    ],
)
def test_urls(text, value):
    """A server's URL, without the slash at its end, so that a path can be put behind it."""
    assert values.url(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "app", "localhost:3000", "//host/x", "ftp://host", "http://", "http:///x", "http://:80/x", "http://h:0/x",
     "http://h:99999", "http://h:x", "http://[::1", "http://a b/", "http://h/\n", "http://h/ä", "file:///etc/passwd",
     "http://u:hunter2@h/", "http://hunter2@h/", "http://@h/", "http://h/?k=hunter2", "http://h/#hunter2", "http://h/?"],
)  # fmt: skip
def test_nonsense_is_no_url(text):
    """Other schemes, missing hosts, odd characters, and places where secrets are put are refused, unshown."""
    with pytest.raises(ValueError, match=r"URL|query") as raised:
        values.url(text)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    ["https://wiki.example/100%", "https://wiki.example/%zz", "https://wiki.example/{cluster}", "https://{cluster}/x",
     "https://wiki.example/a|b", "https://wiki.example/a^b", 'https://wiki.example/"x"', "https://wiki.example/<x>",
     "https://wiki.example/a\\b", "https://wiki.example/`x`", "https://wiki.example/[x]", "https://100%/x",
     "https://[::1]x/", "https://a,b/", "https://[v1.x]/"],
)  # fmt: skip
def test_an_invalid_uri_is_no_url(text):
    """URIs that are invalid by RFC 3986 are refused with the remedy: Alertmanager refuses notifications with them."""
    with pytest.raises(ValueError, match=r"percent-encode it, a % itself as %25$|^not a URL$|^expected a URL"):
        values.url(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.0.0.0:9721", ("0.0.0.0", 9721)),
        ("[::]:9721", ("::", 9721)),
        ("[::ffff:127.0.0.1]:1", ("::ffff:127.0.0.1", 1)),
        (":9721", ("", 9721)),
        ("localhost:0", ("localhost", 0)),
        ("my-host.example:65535", ("my-host.example", 65535)),
    ],
)
def test_addresses(text, parts):
    """Host and port, with brackets around IPv6, or no host for every interface."""
    assert values.address(text) == text
    assert values.split_address(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", "9721", "localhost", "localhost:", "::1:9721", "[::1]", "[localhost]:1", "[]:1", "300.0.0.1:1", "1.2.3:1",
     "host:65536", "host:-1", "host:http", "a b:1", "http://h:1", "host:1/metrics", "host:1\n"],
)  # fmt: skip
def test_nonsense_is_no_address(text):
    """An unusable listen address is refused now, not at start-up."""
    with pytest.raises(ValueError, match="expected host:port"):
        values.address(text)


def test_relative_paths_have_a_base():
    """A relative path is relative to its base; an absolute one stays."""
    assert values.read("web.yml", Path, Path("/etc/outbox")) == Path("/etc/outbox/web.yml")
    assert values.read("/run/web.yml", Path, Path("/etc/outbox")) == Path("/run/web.yml")
    with pytest.raises(ValueError, match="control character"):
        values.read("a\0b", Path, Path())


def test_every_default_is_within_its_own_limits():
    """Every key accepts its default."""
    for path, key in KEYS.items():
        default = key.field.default
        if isinstance(default, int | float) and not isinstance(default, bool):
            is_duration = Seconds in (
                key.hint,
                *getattr(key.hint, "__args__", ()),
                getattr(key.hint, "__origin__", None),
            )
            text = values.format_duration(default) if is_duration else str(default)
        elif isinstance(default, str):
            text = default
        else:
            continue
        assert values.read(text, key.hint, Path()) == default, path


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2000", Amount(2000)),
        ("2_000", Amount(2000)),
        ("0", Amount(0)),
        ("0.05", Amount(0.05)),
        ("5m", Amount(300, is_time=True)),
        ("0s", Amount(0, is_time=True)),
        ("26h", Amount(93600, is_time=True)),
    ],
)
def test_thresholds_are_numbers_or_times(text, amount):
    """A unit makes it a time, in seconds."""
    assert values.amount(text) == amount


@pytest.mark.parametrize("text", ["", "-1", "1e3", "0.", ".5", "5 m", "5 %", "hunter2", "nan", "inf"])
def test_nonsense_is_no_threshold(text):
    """Neither a sign, nor an exponent, nor text."""
    with pytest.raises(ValueError, match=r"expected a number such as 2000 or 0\.05, or a duration such as 10m"):
        values.amount(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("9721", 9721), ("65535", 65535)])
def test_ports(text, number):
    """16 bits; 0 is any free port."""
    assert values.port(text) == number


@pytest.mark.parametrize("text", ["65536", "-1", "+1", "", " 1", "1.0", "٣", "100000"])
def test_numbers_that_are_no_port(text):
    with pytest.raises(ValueError, match="expected a port, 0 to 65535"):
        values.port(text)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("TRUE", True), ("false", False), ("False", False)])
def test_booleans(text, value):
    """In any case of letters."""
    assert values.boolean(text) is value


@pytest.mark.parametrize("text", ["yes", "1", "", "tru", "zzz"])
def test_texts_that_are_no_boolean(text):
    with pytest.raises(ValueError, match="expected true or false"):
        values.boolean(text)


def test_certificates_are_read_relative_to_the_file_that_names_them(tmp_path):
    """A file that holds none is refused without its content."""
    (tmp_path / "ca.pem").write_text("no certificate: hunter2")
    with pytest.raises(ValueError, match="holds no certificates") as caught:
        values.read("ca.pem", Certificates, tmp_path)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="cannot be read"):
        values.read("missing.pem", Certificates, tmp_path)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("3600", 3600)])
def test_bounds_are_within(text, value):
    """The least and the greatest value are allowed."""
    assert values.read(text, Annotated[int, Bounds(1, 3600)], Path()) == value


@pytest.mark.parametrize(
    ("text", "hint", "message"),
    [
        ("0", Annotated[int, Bounds(1, 3600)], "expected 1 to 3600"),
        ("3601", Annotated[int, Bounds(1, 3600)], "expected 1 to 3600"),
        ("99ms", Annotated[Seconds, Bounds(0.1, 3600)], "expected 100ms to 1h"),
        ("1h1s", Annotated[Seconds, Bounds(0.1, 3600)], "expected 100ms to 1h"),
    ],
)
def test_values_out_of_bounds(text, hint, message):
    """Durations in the message are written as in the file."""
    with pytest.raises(ValueError, match=message):
        values.read(text, hint, Path())
