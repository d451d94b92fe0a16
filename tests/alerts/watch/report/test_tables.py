"""The tables of a report."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from alerts.watch.model.watch import Verdict
from alerts.watch.report import html, json_text, markdown
from tests.alerts.watch.report import samples
from tests.html_reader import PageReader


def test_every_result_is_in_the_tables():
    """Every check, gap, alert, maintenance, restart, step, difference and setting, in HTML and Markdown alike."""
    report = samples.report()
    for form in (PageReader(html(report)).text, markdown(report).replace("\\", "")):
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
            "a lock on a table 5.0 s to 20 s earlier",
            "2025-11-23 00:56:20 to 00:56:35 UTC",
            "8 jobs higher",
            "312,044",
            "db.internal:5432/megacampus",
            "never",
            "22 min, and 4 min excused",
            "10 min, 5 min at a time",
        ):
            assert words in form


def test_checks_that_the_configuration_changed_are_marked():
    """A PASS says how many checks it was reached without; each is marked in every table and form."""
    report = samples.report()
    names: dict[str, Any] = {
        "backlog": {"advisory": True, "own": True},
        "age": {"left_out": True, "not_applicable": "left out"},
    }
    results = tuple(
        replace(each, check=replace(each.check, **names.get(each.check.name, {}))) for each in report.judgement.results
    )
    judgement = replace(report.judgement, verdict=Verdict.PASS, results=results)
    report = replace(
        report, judgement=judgement, watch=replace(report.watch, checks=tuple(each.check for each in results))
    )
    for form in (PageReader(html(report)).text, markdown(report).replace("\\", "")):
        assert "PASS without 1 check" in form
        assert form.count("Backlog (own, advisory)") == 3
        assert form.count("Age of the oldest job (left out)") == 2
    document = json.loads(json_text(report))
    assert (document["verdict"], document["headline"]) == ("PASS", "PASS without 1 check")
    assert document["watch"]["checks"][0]["advisory"] is True


def test_figures_have_their_time_span():
    """Each number has the times of its first and last sample; a note names those that end long before the watch."""
    made = samples.report()
    found = made.judgement.reconciliation
    assert found is not None
    whole, early = samples.span(5, samples.DAY - 10), samples.span(400, samples.DAY - 1000)
    reaching = replace(found, initialised=7.0, jobs_span=whole, events_span=early, initialised_span=None)
    report = replace(made, judgement=replace(made.judgement, reconciliation=reaching))

    def clock(elapsed: float) -> str:
        return datetime.fromtimestamp(samples.START + elapsed, UTC).strftime("%H:%M:%S")

    for form in (PageReader(html(report)).text, markdown(report).replace("\\", "")):
        assert f"{clock(5)} to {clock(samples.DAY - 5)}" in form
        assert f"{clock(400)} to {clock(samples.DAY - 600)}" in form
        start, end = clock(400), clock(samples.DAY - 600)
        assert f"Initialisations by the database: the first sample is of {start}, 6 min 40 s after the begin" in form
        assert f"Initialisations by the database: the last sample is of {end}, 10 min before the end" in form
        assert "Jobs: the" not in form


def test_long_tables_are_shortened_with_a_note():
    """A day of flapping does not make a page of thousands of rows; the JSON has all of them."""
    made = samples.report()
    many = replace(made, judgement=replace(made.judgement, alerts=made.judgement.alerts * 500))
    assert "900 more rows are in the JSON report." in html(many)
    assert "900 more rows are in the JSON report." in markdown(many)
    assert len(json.loads(json_text(many))["judgement"]["alerts"]) == 1000
