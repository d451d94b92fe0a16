"""Status page and report in a real browser: no request to others, no console message, readable on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from alerts.watch.report import html
from exporter.web.server import WebServer
from tests import webtools
from tests.alerts.watch.report import samples
from tests.alerts.watch.report.samples import HOSTILE, hostile_report
from tests.browser import chromium, open_page
from tests.webtools import alert, collector, watch

WIDTHS = (360, 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The URL of a status page with every kind of failure and with HTML in every text."""
    failures = webtools.status() | {
        "alerts": [alert(summary=HOSTILE, description=HOSTILE), alert(severity="ticket", muted=True)],
        "watch": watch(reasons=[HOSTILE], summary=HOSTILE),
        "migration": {"ok": 1, "unknown": 0, "broken": [HOSTILE], "unseen": ["register", "cron"]},
        "collectors": [collector(name=HOSTILE, failures={HOSTILE: 3}, problems=[HOSTILE, "x" * 300])],
    }
    with WebServer(webtools.site(status=lambda: failures), "127.0.0.1:0") as server:
        yield server.url


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    return _file(tmp_path_factory.mktemp("report"), html(samples.report()))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> str:
    return _file(tmp_path_factory.mktemp("report"), html(hostile_report()))


def _file(directory: Path, text: str) -> str:
    path = directory / "report.html"
    path.write_text(text, "utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["page", "report", "hostile"])
def test_no_message_no_request_no_overflow(browser, request, name, width, scheme):
    """No console message, no request but for the page, no horizontal scrolling, no dialog from a text with HTML."""
    url = request.getfixturevalue(name)
    with open_page(browser, url, width=width, scheme=scheme) as loaded:
        loaded.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        assert loaded.page.locator("h1").is_visible()
        assert loaded.console_messages == []
        assert {each.rstrip("/") for each in loaded.requests} - {f"{url}/favicon.ico"} == {url}
        assert loaded.horizontal_overflow == 0


@pytest.mark.parametrize("name", ["page", "report"])
def test_it_needs_no_scripts(browser, request, name):
    """Headings, charts and sections are there without JavaScript."""
    with open_page(browser, request.getfixturevalue(name), scripts=False) as loaded:
        assert loaded.page.locator("h1").is_visible()
        assert loaded.page.locator("svg[role=img]").count() >= 1
        assert loaded.page.locator("section").count() >= 4


def test_the_page_opens_its_details(browser, page):
    """The checks of the watch are in a <details> element, which needs no JavaScript."""
    with open_page(browser, page, scripts=False) as loaded:
        cell = loaded.page.get_by_text("The backlog stayed below 1,000 jobs.")
        assert not cell.is_visible()
        loaded.page.get_by_text("1 check", exact=True).click()
        assert cell.is_visible()


def test_tables_have_headings_and_charts_have_labels(browser, page, report):
    """For screen readers: headings for every table, a label for every chart, one main heading."""
    for url in (page, report):
        with open_page(browser, url) as loaded:
            assert loaded.page.locator("h1").count() == 1
            assert loaded.page.locator("table").count() == loaded.page.locator("table thead").count() >= 1
            labels = [each.get_attribute("aria-label") for each in loaded.page.locator("svg[role=img]").all()]
            assert labels
            assert all(labels)


def test_it_prints(browser, report):
    """In print: black on white, no scroll box that cuts off content."""
    with open_page(browser, report, scheme="dark") as loaded:
        loaded.page.emulate_media(media="print")
        colour = loaded.page.evaluate("getComputedStyle(document.body).color")
        assert colour == "rgb(27, 36, 48)"
        overflow = loaded.page.evaluate("getComputedStyle(document.querySelector('.table')).overflowX")
        assert overflow == "visible"
        assert len(loaded.page.pdf(format="A4")) > 20_000
