"""The log filter that limits repeated messages."""

import logging

from exporter.web.throttle import Throttle


def test_one_message_of_each_template_passes_and_the_others_are_counted():
    now = 0.0
    throttle = Throttle(period=60, clock=lambda: now)

    def passes(template: str, *values: object) -> str | None:
        record = logging.LogRecord("x", logging.WARNING, "x.py", 1, template, values, None)
        return record.getMessage() if throttle.filter(record) else None

    assert passes("bad %s", 1) == "bad 1"
    assert [passes("bad %s", number) for number in range(5)] == [None] * 5
    assert passes("other") == "other"
    now = 60.0
    assert passes("bad %s", 2) == "bad 2 (5 more since the last such message)"
    assert passes("bad %s", 3) is None


def test_a_message_passes_again_after_a_minute():
    """By default; one of the same template that comes later passes as well."""
    now = 0.0
    throttle = Throttle(clock=lambda: now)
    record = logging.LogRecord("x", logging.WARNING, "x.py", 1, "bad", (), None)
    passed = []
    for moment in (0.0, 59.9, 60.0, 119.9, 300.0):
        now = moment
        record.msg = "bad"
        passed.append(throttle.filter(record))
    assert passed == [True, False, True, False, True]
