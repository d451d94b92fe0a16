"""The landing page: everything on it is text, and unknown is not zero."""

from html.parser import HTMLParser

import pytest

from exporter import pages
from tests import webtools
from tests.webtools import collector

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>&amp;</style></title>"


class Reader(HTMLParser):
    """What a browser would see: the elements and the texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(**changes: object) -> Reader:
    return Reader(pages.landing("outbox-exporter", "0.1.0", webtools.status() | changes))


def test_hostile_texts_stay_texts():
    status = webtools.status() | {
        "database": HOSTILE,
        "collectors": [collector(name=HOSTILE, failures={HOSTILE: 3}, problems=[HOSTILE])],
    }
    status["signals"]["events_last_hour"] = {HOSTILE: 4.0}
    seen = Reader(pages.landing(HOSTILE, HOSTILE, status))
    usual = read()
    assert seen.text.count(HOSTILE) == 9
    assert set(seen.elements) - set(usual.elements) == {"ul", "li", "strong"} - set(usual.elements)
    assert set(seen.attributes) == set(usual.attributes)


def test_nothing_from_elsewhere_and_no_script():
    page = pages.landing("outbox-exporter", "0.1.0", webtools.status())
    assert not {"script", "img", "link", "iframe", "form"} & set(Reader(page).elements)
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


def test_the_five_signals_are_there():
    text = read().text
    for value in ("1,234", "3 min 25 s", "1.2 s", "5,431", "API 5,120, QUEUE 0, WORKER 311", "48,211", "0.2 %"):
        assert value in text


def test_unknown_is_not_zero():
    seen = read(signals=dict.fromkeys(webtools.status()["signals"])).text
    signals = seen[seen.index("Signals") : seen.index("Collectors")]
    assert signals.count("unknown") == 5
    assert "0" not in signals


def test_what_is_wrong_comes_first():
    seen = read(config_reload_successful=False, collectors=[collector(problems=["grant SELECT"])]).text
    assert seen.index("the last reload failed") < seen.index("grant SELECT") < seen.index("Signals")
    assert "What is wrong" not in read().text


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "fresh"),
        ({"fresh": False}, "stale"),
        ({"success": False}, "failing"),
        ({"success": False, "fresh": False}, "failing, stale"),
        ({"success": None, "fresh": False, "last_success": None, "duration_seconds": None}, "not run yet"),
    ],
)
def test_states_of_a_collector(changes, state):
    assert f">{state}</span>" in pages.landing("x", "1", webtools.status() | {"collectors": [collector(**changes)]})


def test_declared_maintenance_is_shown_and_so_is_its_overrun():
    """Whoever wonders why the backlog grows sees why; and that somebody forgot to end it."""
    assert "Maintenance" not in read().text
    assert (
        "Maintenance is declared until 1970-01-12 14:46 UTC: the backlog may grow."
        in read(maintenance_until=1_000_000.0 + 3600).text
    )
    assert "until 1970-01-12 12:46 UTC and nobody has ended it" in read(maintenance_until=1_000_000.0 - 3600).text
