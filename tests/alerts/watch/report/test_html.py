"""The report as HTML."""

import re
from dataclasses import replace

import pytest

from alerts.watch.model.watch import Verdict
from alerts.watch.report import html
from tests.alerts.watch.report import samples
from tests.html_reader import PageReader


def test_hostile_texts_stay_texts_in_html():
    """Error texts and reasons come from databases and people: they make no element and no attribute."""
    usual, seen = PageReader(html(samples.report())), PageReader(html(samples.hostile_report()))
    assert seen.text.count("<script>alert('x')</script>") > 40
    assert set(seen.elements) <= set(usual.elements)
    assert set(seen.attributes) <= set(usual.attributes)


def test_html_is_self_contained():
    """No script, nothing to load; and its own policy would forbid both."""
    page = html(samples.report())
    assert not {"script", "img", "link", "iframe", "form"} & set(PageReader(page).elements)
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src &#x27;none&#x27;" in page


def test_a_full_day_with_twelve_charts_stays_below_a_megabyte():
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


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_has_its_colour(verdict):
    made = samples.report()
    page = html(replace(made, judgement=replace(made.judgement, verdict=verdict)))
    kind = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "warn"}[verdict]
    assert f'<span class="word {kind}">{verdict}</span></h1>' in page


def test_a_chart_marks_what_its_own_signal_did():
    """The stall of the backlog is on the charts of the backlog and of the age, not on those of other signals."""
    figures = html(samples.report()).split("<figure")[1:]
    marked = {figure.split("<strong>")[1].split("<")[0]: 'class="breach"' in figure for figure in figures}
    assert marked == {"Backlog": True, "Oldest job": True, "Failure ratio": False, "Drain time": False}


def test_a_chart_of_counted_objects_names_them():
    """The ticks of the others have their unit."""
    figures = html(samples.report()).split("<figure")[1:]
    assert ['<span class="soft">jobs</span>' in figure for figure in figures] == [True, False, False, False]


def test_a_chart_names_each_check_of_its_signal():
    """With its verdict; one of them may have failed."""
    made = samples.report()
    first, *others = made.judgement.results
    second = replace(first, verdict=Verdict.PASS, check=replace(first.check, name="normal", title="Usual backlog"))
    figure = html(replace(made, judgement=replace(made.judgement, results=(first, second, *others)))).split("<figure")[
        1
    ]
    assert 'Backlog: <span class="state bad">FAIL</span>' in figure
    assert 'Usual backlog: <span class="state good">PASS</span>' in figure
