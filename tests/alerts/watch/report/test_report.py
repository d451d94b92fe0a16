"""The report: the verdict first, every reason told, safe whatever the texts are, light enough to mail."""

import json
import math
import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from html.parser import HTMLParser
from typing import Any

import pytest

from alerts.watch.analysis.messages import allowed
from alerts.watch.model.check import Budget
from alerts.watch.model.result import Judgement
from alerts.watch.model.watch import Verdict
from alerts.watch.report import WatchReport, html, json_text, markdown
from tests.alerts.watch.report import samples

HOSTILE = "<script>alert('x')</script>\"'><img src=x>|`*[a](http://evil)</style>\n# x"


class Reader(HTMLParser):
    """What a browser would see: the elements, the attributes and the texts."""

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


def hostile(value: Any) -> Any:
    """The same with every text replaced, names of enumerations apart."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {"unit", "record", "signal"}
        return replace(
            value, **{each.name: hostile(getattr(value, each.name)) for each in fields(value) if each.name not in kept}
        )
    if isinstance(value, Enum) or not isinstance(value, str | tuple | list | dict):
        return value
    if isinstance(value, str):
        return HOSTILE if value else value
    if isinstance(value, dict):
        return {HOSTILE if index == 0 else key: hostile(each) for index, (key, each) in enumerate(value.items())}
    return type(value)(hostile(each) for each in value)


def hostile_report() -> WatchReport:
    """Every text of it comes from somebody who means harm; the ticks keep the names of their signals."""
    made = samples.report()
    changed: WatchReport = hostile(replace(made, ticks=()))
    return replace(changed, ticks=made.ticks)


def test_the_verdict_comes_first_in_every_form():
    """Whoever opens a report reads one word, then why."""
    report = samples.report()
    page = Reader(html(report)).text
    text = markdown(report)
    for form in (page[page.index("Outbox watch 3\n") :], text):
        order = [form.index(words) for words in ("FAIL", "Jobs were stuck", "22 min", "Checks", "Gaps")]
        assert order == sorted(order)
    assert json.loads(json_text(report))["verdict"] == "FAIL"


def test_everything_judged_is_told():
    """Every check, gap, alert, maintenance, restart, step, difference and setting, in HTML and Markdown alike."""
    report = samples.report()
    for form in (Reader(html(report)).text, markdown(report).replace("\\", "")):
        for words in (
            *(each.check.title for each in report.judgement.results),
            *(each.reason for each in report.judgement.results),
            *(each.cause.value for each in report.judgement.gaps),
            *(each.rule for each in report.judgement.alerts),
            *report.settings,
            "partial rollback, drill",
            "outbox_app_processed_jobs_total was reset",
            "the clock was set by -3600 s",
            "initialisations without a job: +38",
            "jobs: -2, unexplained",
            "8 jobs higher",
            "312,044",
            "db.internal:5432/megacampus",
            "never",
            "22 min, and 4 min excused",
            "10 min, 5 min at a time",
        ):
            assert words in form


def test_figures_say_how_far_they_reach():
    """Each number has the times of its first and last sample; what ends long before the watch is said in a sentence."""
    made = samples.report()
    found = made.judgement.reconciliation
    assert found is not None
    whole, early = samples.span(5, samples.DAY - 10), samples.span(400, samples.DAY - 1000)
    reaching = replace(found, initialised=7.0, jobs_span=whole, events_span=early, initialised_span=None)
    report = replace(made, judgement=replace(made.judgement, reconciliation=reaching))

    def clock(elapsed: float) -> str:
        return datetime.fromtimestamp(samples.START + elapsed, UTC).strftime("%H:%M:%S")

    for form in (Reader(html(report)).text, markdown(report).replace("\\", "")):
        assert f"{clock(5)} to {clock(samples.DAY - 5)}" in form
        assert f"{clock(400)} to {clock(samples.DAY - 600)}" in form
        start, end = clock(400), clock(samples.DAY - 600)
        assert f"Initialisations by the database: the first sample is of {start}, 6 min 40 s after the begin" in form
        assert f"Initialisations by the database: the last sample is of {end}, 10 min before the end" in form
        assert "Jobs: the" not in form


def test_hostile_texts_stay_texts_in_html():
    """Error texts and reasons come from databases and people: no element and no attribute comes of them."""
    usual, seen = Reader(html(samples.report())), Reader(html(hostile_report()))
    assert seen.text.count("<script>alert('x')</script>") > 40
    assert set(seen.elements) <= set(usual.elements)
    assert set(seen.attributes) <= set(usual.attributes)


def test_hostile_texts_stay_texts_in_markdown():
    """No link, no image, no HTML, no further row or heading."""
    text = markdown(hostile_report())
    assert not re.search(r"(?<!\\)<|(?<!\\)\[", text)
    usual = markdown(samples.report())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == len([line for line in usual.splitlines() if line.startswith("|")])
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.splitlines()[0]]


def test_html_stands_alone():
    """No script, nothing to load; and its own policy would forbid both."""
    page = html(samples.report())
    assert not {"script", "img", "link", "iframe", "form"} & set(Reader(page).elements)
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src &#x27;none&#x27;" in page


def test_json_is_strict_and_complete():
    """Infinity, which JSON does not know, is a text; every field of the judgement is there."""
    text = json_text(samples.report())
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(document["judgement"]) == {each.name for each in fields(Judgement)}
    assert document["judgement"]["results"][3]["worst"] == "Infinity"
    assert document["watch"]["number"] == 3


def test_an_undecided_watch_has_no_verdict():
    """A report in the middle of a watch does not say PASS."""
    made = samples.report()
    open_one = replace(made, judgement=replace(made.judgement, verdict=None, final=False, reasons=()))
    for form in (html(open_one), markdown(open_one), json_text(open_one)):
        assert "UNDECIDED" in form


def test_long_tables_are_shortened_and_say_so():
    """A day of flapping does not make a page of thousands of rows; the JSON has all of them."""
    made = samples.report()
    many = replace(made, judgement=replace(made.judgement, alerts=made.judgement.alerts * 500))
    assert "900 more rows are in the JSON report." in html(many)
    assert "900 more rows are in the JSON report." in markdown(many)
    assert len(json.loads(json_text(many))["judgement"]["alerts"]) == 1000


def test_a_full_day_with_twelve_plots_stays_below_a_megabyte():
    """5,760 noisy samples of every signal, every table full."""
    made = samples.report()
    one = next(each for each in made.judgement.results if each.check.signal == "outbox:failure_ratio")
    results = tuple(replace(one, check=replace(one.check, signal=f"s{number}")) for number in range(12))
    ticks = [
        replace(tick, values={f"s{number}": tick.values["outbox:failure_ratio"] * (1 + number) for number in range(12)})
        for tick in made.ticks
    ]
    alerts = made.judgement.alerts * 100
    full = replace(made, ticks=ticks, judgement=replace(made.judgement, results=results, alerts=alerts))
    assert html(full).count("<figure") == 12
    assert len(html(full).encode()) < 1_000_000


def test_what_was_not_seen_is_not_drawn():
    """A hole of the exporter's breaks the line, although there is no tick in it."""
    made = samples.report()
    closed = replace(made, judgement=replace(made.judgement, gaps=()))
    with_gap, without = (html(each).count('class="line n0"') for each in (made, closed))
    assert with_gap > without


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_word_is_said_in_its_colour(verdict):
    made = samples.report()
    page = html(replace(made, judgement=replace(made.judgement, verdict=verdict)))
    kind = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn"}[verdict]
    assert f'<h1 class="word {kind}">{verdict}</h1>' in page


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(0.0, 0.0), "never"),
        (Budget(900.0, 300.0), "15 min, 5 min at a time"),
        (Budget(900.0, 900.0), "15 min"),
        (Budget(math.inf, math.inf), "any time"),
    ],
)
def test_budgets_in_words(budget, words):
    """A check without a budget, a clean-up say, is told as well."""
    assert allowed(budget) == words
