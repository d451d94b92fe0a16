"""The answer of a report, and how it is printed."""

from __future__ import annotations

import itertools

from exporter.migration.report import CheckAnswer, CheckReport, Deviation, finding_of, worst


def test_broken_beats_unknown_beats_ok():
    """In whatever order; nothing asked is nothing proved."""
    for size in range(4):
        for answers in itertools.product(CheckAnswer, repeat=size):
            if CheckAnswer.BROKEN in answers:
                wanted = CheckAnswer.BROKEN
            elif not answers or CheckAnswer.UNKNOWN in answers:
                wanted = CheckAnswer.UNKNOWN
            else:
                wanted = CheckAnswer.OK
            assert worst(answers) is wanted


def test_troubles_make_a_finding():
    """All of what was found, each remedy once."""
    deviations = (Deviation("a", "mend"), Deviation("b", "mend", CheckAnswer.UNKNOWN), Deviation("c", ""))
    finding = finding_of("check", "x", deviations)
    assert (finding.answer, finding.found, finding.remedy) == (CheckAnswer.BROKEN, "a; b; c", "mend")
    assert finding_of("check", "x", (Deviation("b", "", CheckAnswer.UNKNOWN),)).answer is CheckAnswer.UNKNOWN
    assert finding_of("check", "x", ()).answer is CheckAnswer.OK


def test_a_report_of_nothing_is_printed():
    """No check, no division by anything."""
    assert CheckReport(()).summary() == "UNKNOWN: 0 checks, 0 ok, 0 broken, 0 unknown; 0 warnings"
    assert CheckReport(()).as_table().endswith("warnings\n")
