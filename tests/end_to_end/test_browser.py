"""Status page and report in a real browser: no request to others, nothing cut, readable in every width and colour."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from alerts.watch.report import html
from exporter.app.alerting import runbook
from exporter.web import runbooks
from exporter.web.server import WebServer
from tests import webtools
from tests.alerts.watch.report import samples
from tests.alerts.watch.report.samples import HOSTILE, hostile_report
from tests.browser import chromium, open_page
from tests.webtools import alert, collector, watch

WIDTHS = (400, 1280, 1600)

# Contrast ratios of WCAG 2.2: 1.4.3 for text, 1.4.11 for graphics.
TEXT, GRAPHICS = 4.5, 3.0

# The elements that show less than they contain, with their text.
CUT = """() => [...document.querySelectorAll('th, td, dd, dt, li, p, h1, h2, h3, .card, .table, .list, figcaption')]
  .filter(each => !each.closest('thead') && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
  .map(each => each.className + ': ' + each.textContent.slice(0, 60))"""
# The words that are broken in two lines.
BROKEN = """() => [...document.querySelectorAll('.state, .word, .good, .bad, .warn')]
  .filter(each => !/\\s/.test(each.textContent.trim()) && each.getClientRects().length > 1)
  .map(each => each.textContent)"""
# The texts of a chart that leave its picture or meet another of the same axis.
CROSSED = """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text:not(.threshold-label)')]
    .map(each => [each, each.getBoundingClientRect()]);
  return boxes.filter(([each, box], index) => box.left < frame.left - 1 || box.right > frame.right + 1
    || boxes.some(([_, other], place) => place > index && box.left < other.right && other.left < box.right
      && box.top < other.bottom && other.top < box.bottom)).map(([each]) => each.textContent) })"""
# The colour of each text and mark on the colour behind it, as [what, ratio].
CONTRAST = """() => {
  const light = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(each => each / 255)
    .map(each => each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b };
  const behind = each => { for (; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour }
    return 'rgb(255, 255, 255)' };
  const ratio = (one, other) => { const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + .05) / (b + .05) };
  const texts = [...document.querySelectorAll('body *')]
    .filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
    .filter(each => !['TITLE', 'title'].includes(each.tagName))
    .map(each => ['text ' + each.tagName + '.' + (each.className.baseVal ?? each.className),
      ratio(each.closest('svg') ? getComputedStyle(each).fill : getComputedStyle(each).color, behind(each))]);
  const marks = [...document.querySelectorAll('svg .line, svg .gap, svg .maintenance, svg .threshold, svg .bar')]
    .map(each => ['mark ' + each.className.baseVal, ratio(each.tagName === 'rect' ? getComputedStyle(each).fill
      : getComputedStyle(each).stroke, behind(each))]);
  return [...texts, ...marks] }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The URL of a status page with every kind of failure and with HTML in every text."""
    failures = webtools.status() | {
        "up": False,
        "alerts": [
            alert(summary=HOSTILE, description=HOSTILE),
            alert(severity="ticket", muted=True, muted_by="OutboxFsmFailureBudgetBurn"),
            alert(alert="OutboxBacklogHigh", state="pending"),
        ],
        "watch": watch(reasons=[HOSTILE], summary=HOSTILE),
        "migration": {"checked_at": 999_000.0, "ok": 1, "unknown": 0, "broken": [HOSTILE], "unseen": ["cron"]},
        "application": {"healthy": False, "endpoints": {HOSTILE: True}, "checks": {"fsm_success_rate_ok": False}},
        "collectors": [
            collector(name=HOSTILE, failures={HOSTILE: 3}, problems=[HOSTILE, "x" * 300]),
            *(collector(name=name) for name in ("throughput", "idempotency", "migration", "application")),
        ],
    }
    with WebServer(webtools.site(status=lambda: failures), "127.0.0.1:0") as server:
        yield server.url


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> str:
    """The list of all runbooks."""
    return _file(tmp_path_factory.mktemp("runbooks"), runbooks.page("Runbooks", runbook("") or ""))


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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["page", "report", "hostile", "index"])
def test_nothing_is_cut(browser, request, name, width):
    """No horizontal scrolling, no hidden part of a text, no word on two lines, no text of an axis over another.

    Nor a console message, a request but for the page, or a dialog from a text with HTML.
    """
    url = request.getfixturevalue(name)
    with open_page(browser, url, width=width) as loaded:
        loaded.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        for details in loaded.page.locator("summary").all():
            details.click()
        assert loaded.page.locator("h1").is_visible()
        assert loaded.console_messages == []
        assert {each.rstrip("/") for each in loaded.requests} - {f"{url}/favicon.ico"} == {url}
        assert loaded.horizontal_overflow == 0
        assert loaded.page.evaluate(CUT) == []
        assert loaded.page.evaluate(BROKEN) == []
        assert loaded.page.evaluate(CROSSED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["page", "report"])
def test_colours_have_contrast(browser, request, name, scheme):
    """Of every text, and of every line and mark of a chart, to what is behind it."""
    with open_page(browser, request.getfixturevalue(name), scheme=scheme) as loaded:
        found = loaded.page.evaluate(CONTRAST)
        assert {what.split()[0] for what, _ in found} == {"text", "mark"}
        assert [one for one in found if one[1] < (TEXT if one[0].startswith("text") else GRAPHICS)] == []


def test_a_narrow_screen_keeps_the_names_of_columns(browser, report):
    """Rows become blocks: the heading is hidden, and each cell has its column's name before it."""
    with open_page(browser, report, width=400) as loaded:
        cell = loaded.page.locator("td[data-column=Verdict]").first
        assert cell.evaluate("each => getComputedStyle(each, '::before').content") == '"Verdict"'
        assert loaded.page.locator("thead").first.evaluate("each => each.getBoundingClientRect().width") <= 1
        assert {each.get_attribute("role") for each in loaded.page.locator("table").all()} == {"table"}


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
        assert [one for one in loaded.page.evaluate(CONTRAST) if one[1] < GRAPHICS] == []
