"""The report as Markdown."""

import json
import re
from dataclasses import replace

from alerts.watch.report import html, json_text, markdown
from tests.alerts.watch.report import samples
from tests.html_reader import PageReader


def test_the_verdict_comes_first_in_every_form():
    """A report begins with the verdict and its reason."""
    report = samples.report()
    page = PageReader(html(report)).text
    text = markdown(report)
    for form in (page[page.index("Outbox watch 3:\n") :], text):
        order = [form.index(words) for words in ("FAIL", "Jobs were stuck", "22 min", "Checks", "Gaps")]
        assert order == sorted(order)
    assert json.loads(json_text(report))["verdict"] == "FAIL"


def test_hostile_texts_stay_texts_in_markdown():
    """No link, no image, no HTML, no further row or heading."""
    text = markdown(samples.hostile_report())
    assert not re.search(r"(?<!\\)<|(?<!\\)\[", text)
    usual = markdown(samples.report())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == len([line for line in usual.splitlines() if line.startswith("|")])
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.splitlines()[0]]


def test_an_undecided_watch_has_no_verdict():
    """A report in the middle of a watch is not PASS."""
    made = samples.report()
    open_one = replace(made, judgement=replace(made.judgement, verdict=None, final=False, reasons=()))
    for form in (html(open_one), markdown(open_one), json_text(open_one)):
        assert "UNDECIDED" in form
