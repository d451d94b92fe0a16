"""Errors in a policy are reported with their place and, where possible, the right value."""

from __future__ import annotations

import pytest

from alerts.policy.load import FILE, load_policy, read_document
from exporter.core.errors import ConfigError
from tests.alerts.policies import SMALL


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        read_document(text, "p.yaml")
    return raised.value.problems


def changed(old: str, new: str) -> str:
    assert SMALL.count(old) >= 1, old
    return SMALL.replace(old, new, 1)


def test_the_small_policy_is_right():
    """The policy into which the other tests put errors is valid."""
    load_policy(document=read_document(SMALL, "p.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("$w] offset $back", "$w] offset $bakc + $back", ('4: signals[0].expr: unknown parameter '
         '$bakc; did you mean "back"?')),
        ("< $most)", "< $mots + $most)", '23: alerts[1].expr: unknown parameter $mots; did you mean "most"?'),
        ("{w: 5m, back", "{w: 5, back", "4: signals[0].expr: $w is not a duration, as [ requires"),
        ("back: 1h}", "back: 2}", "4: signals[0].expr: $back is not a duration, as offset requires"),
        ("since: 1m", "since: 1m, never: 2", "22: alerts[1].parameters.never: unused parameter"),
        ("since: 1m", "since: 1m, job: 2", "22: alerts[1].parameters.job: reserved name"),
        ('"outbox:a{job', '"outbox:c{job', ("5: signals[1].expr: outbox:c is not a signal above this one; did you "
         'mean "outbox:a"?')),
        ('expr: "max(a[', 'expr: "max(outbox:b[', "4: signals[0].expr: outbox:b is not a signal above this one"),
        ('record: "outbox:b"', 'record: "outbox:a"', "5: signals[1].record: duplicate signal"),
        ("alert: OutboxSlow", "alert: OutboxGone", "16: alerts[1].alert: duplicate alert"),
        ("(outbox:b >", "(outbox:c >", '23: alerts[1].expr: unknown signal outbox:c; did you mean "outbox:b"?'),
        (
            "while: z ==",
            "while: outbox:z ==",
            '26: alerts[1].severities.ticket.while: unknown signal outbox:z; did you mean "outbox:b"?',
        ),
        ("signal: outbox:b", "signal: outbox:a", "20: alerts[1].signal: the expression does not use this signal"),
        ("    unit: boolean\n", "", "7: alerts[0].alert: exactly one of `signal` and `unit` is required"),
        ("up < $threshold", "up < 1", "14: alerts[0].expr: the expression does not use $threshold"),
        ("threshold: 5m", "threshold: 5", "27: alerts[1].severities.page: expected a duration such as 5m"),
        ("threshold: 5m", "threshold: 5x", ("27: alerts[1].severities.page.threshold: expected a number such as "
         "2000 or 0.05, or a duration such as 10m")),
        ("for: 4m", "for: 4", ("27: alerts[1].severities.page.for: a number needs its unit: 500ms, 15s, 5m, "
         "1h30m, 7d")),
        (", source: here", "", "15: alerts[0].severities.page.source: missing"),
        ("    summary: Gone\n", "", "7: alerts[0].summary: missing"),
        ("keep_firing_for: 10m", "keep_firing_for: soon", ("24: alerts[1].keep_firing_for: expected a duration "
         "such as 500ms, 15s, 5m, 1h30m or 7d")),
        ("outlets: [prometheus]", "outlets: [prometeus]", ("13: alerts[0].outlets[0]: expected one of "
         "prometheus, sidecar")),
        ("severities: {page:", "severities: {pager:", ("15: alerts[0].severities.pager: expected one of page, "
         "ticket, info, none")),
        ("interval: 15s\n", "", "2: interval: missing"),
        ("summary: Gone", "summery: Gone", '9: alerts[0].summery: unknown key; did you mean "summary"?'),
        ("threshold: 1,", "thresholds: 1,", "15: alerts[0].severities.page.threshold: missing"),
    ],
)  # fmt: skip
def test_an_error_is_reported(old, new, expected):
    """With its line, its path, and the nearest name where a name is wrong."""
    assert f"p.yaml:{expected}" in problems(changed(old, new))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("{alert: OutboxGnoe, severity: page}", 'unknown alert; did you mean "OutboxGone"?'),
        ("{alert: OutboxGone, severity: ticket}", "OutboxGone has only the severities page"),
    ],
)
def test_muting_rules_exist(target, expected):
    """An alert by one of its severities."""
    found = problems(changed("    collectors: [backlog]\n", f"    muted_by: [{target}]\n"))
    assert found == (f"p.yaml:21: alerts[1].muted_by[0].alert: {expected}",)


def test_several_errors_are_reported_together():
    """In the order of the file."""
    text = changed("group: one", "grupo: one")
    assert [line.split(": ")[1] for line in problems(text)] == ["alerts[0].group", "alerts[0].grupo"]
    text = changed("since: 1m", "since: 1m, never: 2").replace("(outbox:b", "(outbox:c")
    assert [line.split(": ")[1] for line in problems(text)] == [
        "alerts[1].signal", "alerts[1].parameters.never", "alerts[1].expr",
    ]  # fmt: skip


def test_the_shipped_policy_is_read_strictly_too():
    """An unknown key is refused."""
    text = FILE.read_text("utf-8")
    (found,) = problems(text.replace("  - alert: OutboxStalled\n", "  - alert: OutboxStalled\n    flavour: red\n", 1))
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "- alert: OutboxStalled" in each)
    number = text[: text.index("- alert: OutboxStalled")].count("- alert: ")
    assert found == f"p.yaml:{line + 1}: alerts[{number}].flavour: unknown key"
