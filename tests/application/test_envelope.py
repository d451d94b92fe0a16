"""From the body of an answer to the payload inside."""

import pytest

from exporter.application.envelope import AMBIGUOUS, open_envelope
from exporter.core.errors import BadPayload, BadStatus
from tests.application.samples import body

PAYLOAD = {"pending": 5}
TRPC_ERROR = {
    "message": 'No "query"-procedure on path "metrics.getFSM"',
    "code": -32004,
    "data": {"code": "NOT_FOUND", "httpStatus": 404, "stack": "at /srv/secret/path.js"},
}


@pytest.mark.parametrize(
    "document",
    [
        PAYLOAD,
        {"result": {"data": PAYLOAD}},
        {"result": {"type": "data", "data": PAYLOAD}},
        {"result": {"data": {"json": PAYLOAD}}},
        {"result": {"data": {"json": PAYLOAD, "meta": {"values": {}}}}},
        {"error": None, "result": {"data": PAYLOAD}},
    ],
    ids=["bare", "trpc", "trpc 9", "superjson", "superjson with meta", "no error"],
)
def test_every_envelope_opens(document):
    """Bare, tRPC and superjson answers hold the same payload."""
    assert open_envelope(200, body(document)) == PAYLOAD


def test_payload_with_a_field_named_json_is_not_superjson():
    """Only an object with nothing but json and meta is superjson's."""
    payload = {"json": {}, "pending": 5}
    assert open_envelope(200, body({"result": {"data": payload}})) == payload


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("error", [TRPC_ERROR, {"json": TRPC_ERROR}], ids=["plain", "superjson"])
def test_error_envelope_is_a_status_with_its_code_and_message(status, error):
    """Whatever its status, only the code and the message of an error envelope are reported."""
    with pytest.raises(BadStatus, match=r"NOT_FOUND No \"query\"-procedure") as caught:
        open_envelope(status, body({"error": error}))
    assert f"HTTP {status}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("error", [None, 7, [], {}, {"message": 5}, {"json": None}, {"data": {"code": 5}}])
def test_error_without_message_is_still_an_error(error):
    """An error envelope without content is counted as well."""
    with pytest.raises(BadStatus, match="an error without words"):
        open_envelope(500, body({"error": error}))


@pytest.mark.parametrize("content", [b"<html>502 Bad Gateway</html>", b"", body(PAYLOAD), body({"result": 1}), b"[]"])
def test_any_status_but_200_is_a_failure(content):
    """A body with another status is ignored, even if it looks like a payload."""
    with pytest.raises(BadStatus, match="HTTP 502"):
        open_envelope(502, content)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "bearer_token"), (403, "bearer_token"), (404, "application.url"), (204, "HTTP 204")]
)
def test_a_status_comes_with_advice(status, hint):
    """The usual mistakes are named together with the setting that fixes them."""
    with pytest.raises(BadStatus, match=hint):
        open_envelope(status, b"")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><title>Login</title>",
        b'{"pending": 5',
        b'{"pending": 5}}',
        b'{"pending": "\xff"}',
        b'\xef\xbb\xbf{"pending": 5}',
        body(PAYLOAD).decode().encode("utf-16"),
        b"5",
        b"null",
        b'"pending"',
        b"[{}]",
        b'{"result": null}',
        b'{"result": {}}',
        b'{"result": {"data": null}}',
        b'{"result": {"data": [1]}}',
        b'{"result": {"data": {"json": null}}}',
        b'{"result": {"data": {"json": 5, "meta": {}}}}',
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 900_000,
    ],
    ids=lambda content: repr(content[:30]),
)
def test_anything_else_is_a_bad_payload(content):
    """Not JSON, not UTF-8, not an object, or nested beyond reason: one clear failure."""
    with pytest.raises(BadPayload):
        open_envelope(200, content)


def test_numbers_are_floats_and_bools_are_not():
    """A whole number of any length is a float, so that a bool can never pass for a number."""
    payload = open_envelope(200, b'{"a": 5, "b": true, "c": 1e999, "d": ' + b"9" * 5000 + b"}")
    assert payload == {"a": 5.0, "b": True, "c": float("inf"), "d": float("inf")}
    assert [type(value) for value in payload.values()] == [float, bool, float, float]


def test_field_named_twice_has_no_value():
    """Which of two values is meant is unknown; the fields around them are not affected."""
    assert open_envelope(200, b'{"a": 1, "b": 2, "a": 1}') == {"a": AMBIGUOUS, "b": 2.0}
