"""The answer of a report, and how it is printed."""

from __future__ import annotations

import itertools

from exporter.migration.report import CheckAnswer, CheckReport, Deviation, finding_of, worst


def test_the_worst_answer_counts():
    """Broken before unknown before ok, in any order; no answer at all is unknown."""
    for size in range(4):
        for answers in itertools.product(CheckAnswer, repeat=size):
            if CheckAnswer.BROKEN in answers:
                wanted = CheckAnswer.BROKEN
            elif not answers or CheckAnswer.UNKNOWN in answers:
                wanted = CheckAnswer.UNKNOWN
            else:
                wanted = CheckAnswer.OK
            assert worst(answers) is wanted


def test_deviations_make_a_finding():
    """With all texts, and each remedy once."""
    deviations = (Deviation("a", "fix"), Deviation("b", "fix", CheckAnswer.UNKNOWN), Deviation("c", ""))
    finding = finding_of("check", "x", deviations)
    assert (finding.answer, finding.found, finding.remedy) == (CheckAnswer.BROKEN, "a; b; c", "fix")
    assert finding_of("check", "x", (Deviation("b", "", CheckAnswer.UNKNOWN),)).answer is CheckAnswer.UNKNOWN
    assert finding_of("check", "x", ()).answer is CheckAnswer.OK


def test_an_empty_report_is_printed():
    """Without any check it is unknown."""
    assert CheckReport(()).summary() == "UNKNOWN: 0 checks, 0 ok, 0 broken, 0 unknown; 0 warnings"
    assert CheckReport(()).as_table().endswith("warnings\n")
