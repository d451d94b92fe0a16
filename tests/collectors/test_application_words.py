"""Texts of the application reach our logs and pages as one short line without secrets."""

import pytest

from exporter.collectors.application import MAX_MESSAGE_LENGTH
from exporter.core.errors import Reason
from exporter.core.redaction import HIDDEN
from tests.application.samples import body
from tests.collectors.application_helpers import TOKEN, collector
from tests.collectors.faulty_responses import PAYLOAD
from tests.collectors.hostile import application, raw, respond


@pytest.mark.parametrize(
    "words",
    [
        f"invalid token {TOKEN}",
        f"{'x' * (MAX_MESSAGE_LENGTH - 20)} {TOKEN}",
        f"{TOKEN}\n{TOKEN}",
        "cannot reach postgresql://admin:tok-5ecr3t@db.internal:5432/x",
    ],
)
def test_no_secret_in_a_message(words):
    """An application that quotes our token, or its own password, does not get it into our logs."""
    with application({"getFSM": respond(body({"error": {"message": words}}), "401 Unauthorized")}) as server:
        (failure,) = collector(server).collect().failures
    assert failure.reason is Reason.HTTP
    assert "5ecr" not in failure.message
    assert HIDDEN in failure.message or len(failure.message) == MAX_MESSAGE_LENGTH


def test_message_is_one_short_printable_line():
    """Megabytes with line breaks, terminal escapes and half a character become one line."""
    words = "Zod:\n\t[{}]\x1b[31m \ud800 \u202e" + "x\n" * 300_000
    with application({"getFSM": respond(body({"error": {"message": words}}), "400 Bad Request")}) as server:
        (failure,) = collector(server).collect().failures
    assert failure.message.startswith("getFSM: HTTP 400: Zod: [{}]?[31m ? ?x x x")
    assert failure.message.isprintable()
    assert len(failure.message) <= MAX_MESSAGE_LENGTH


def test_malformed_headers_write_no_log(caplog):
    """A text of the application reaches the log as a failure's one line or not at all."""
    with caplog.at_level(0), application({"getFSM": raw(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", PAYLOAD)}) as server:
        collector(server).collect()
    assert caplog.records == []
