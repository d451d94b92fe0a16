"""Page and report in a real browser: nothing is loaded, nothing complained of, all of it readable on a phone."""

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
    """The address of a status page on which everything is wrong and every text hostile."""
    trouble = webtools.status() | {
        "alerts": [alert(summary=HOSTILE, description=HOSTILE), alert(severity="ticket", muted=True)],
        "watch": watch(reasons=[HOSTILE], summary=HOSTILE),
        "migration": {"ok": 1, "unknown": 0, "broken": [HOSTILE], "unseen": ["register", "cron"]},
        "collectors": [collector(name=HOSTILE, failures={HOSTILE: 3}, problems=[HOSTILE, "x" * 300])],
    }
    with WebServer(webtools.site(status=lambda: trouble), "127.0.0.1:0") as server:
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
def test_it_is_quiet_and_fits(browser, request, name, width, scheme):
    """No complaint in the console, no request but for the page, no scrolling sideways, no dialog of a hostile text."""
    url = request.getfixturevalue(name)
    with open_page(browser, url, width=width, scheme=scheme) as seen:
        seen.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        assert seen.page.locator("h1").is_visible()
        assert seen.console_messages == []
        assert {each.rstrip("/") for each in seen.requests} - {f"{url}/favicon.ico"} == {url}
        assert seen.horizontal_overflow == 0


@pytest.mark.parametrize("name", ["page", "report"])
def test_it_needs_no_scripts(browser, request, name):
    """What matters is there in a browser that runs none."""
    with open_page(browser, request.getfixturevalue(name), scripts=False) as seen:
        assert seen.page.locator("h1").is_visible()
        assert seen.page.locator("svg[role=img]").count() >= 1
        assert seen.page.locator("section").count() >= 4


def test_the_page_opens_its_details(browser, page):
    """The checks of the watch are behind a summary that one can open without a script."""
    with open_page(browser, page, scripts=False) as seen:
        cell = seen.page.get_by_text("The backlog stayed below 1,000 jobs.")
        assert not cell.is_visible()
        seen.page.get_by_text("1 check", exact=True).click()
        assert cell.is_visible()


def test_tables_have_headings_and_pictures_have_names(browser, page, report):
    """Who does not see it hears it: headings for every table, a label for every plot, one main heading."""
    for url in (page, report):
        with open_page(browser, url) as seen:
            assert seen.page.locator("h1").count() == 1
            assert seen.page.locator("table").count() == seen.page.locator("table thead").count() >= 1
            labels = [each.get_attribute("aria-label") for each in seen.page.locator("svg[role=img]").all()]
            assert labels
            assert all(labels)


def test_it_prints(browser, report):
    """On paper: white, nothing cut off by a scrolling box."""
    with open_page(browser, report, scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        colour = seen.page.evaluate("getComputedStyle(document.body).color")
        assert colour == "rgb(27, 36, 48)"
        overflow = seen.page.evaluate("getComputedStyle(document.querySelector('.table')).overflowX")
        assert overflow == "visible"
        assert len(seen.page.pdf(format="A4")) > 20_000
