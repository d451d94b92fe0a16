"""From the body of an answer to the payload inside its envelope.

A tRPC server answers `{"result": {"data": ...}}`, with the superjson transformer `{"result": {"data": {"json": ...}}}`,
and `{"error": ...}` when it fails; the reference document shows the payload bare. All of them are taken. Asked several
things at once, it answers with a list of these.
"""

import json
from collections import Counter
from http import HTTPStatus
from typing import Final

from exporter.core.errors import BadPayload, BadStatus

Payload = dict[str, object]


class Ambiguous:
    """Stands for a field that its object names more than once: which of the values is meant is unknown."""


AMBIGUOUS: Final = Ambiguous()

# What to check first.
_HINTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check application.bearer_token",
    HTTPStatus.FORBIDDEN: "check what application.bearer_token may read",
    HTTPStatus.NOT_FOUND: "check application.url, it ends where /metrics.<procedure> begins",
}


def open_envelope(status: int, body: bytes) -> Payload:
    """The payload of an answer: a JSON object whose numbers are all `float`, so that a bool is never one.

    Raises: BadStatus for any status but 200 and for an error envelope, with the error's own code and words (neither
    shortened nor cleaned: that is for whoever shows them); BadPayload when there is no object inside.
    """
    try:
        document = _expect_object(_decode(body), "the answer")
    except BadPayload:
        if status != HTTPStatus.OK:
            raise BadStatus(_status_line(status)) from None
        raise
    if _is_error(document):
        raise BadStatus(f"{_status_line(status)}: {_error_words(document['error'])}")
    if status != HTTPStatus.OK:
        raise BadStatus(_status_line(status))
    return _unwrap(document)


def open_batch(status: int, body: bytes, size: int) -> tuple[Payload, ...] | None:
    """The payloads of an answer to a batch of `size` procedures, in their order.

    None when it is anything but that many results, as a tRPC server returns them without an error: the error of an
    endpoint is found by a request of its own.
    """
    try:
        documents = _decode(body)
        if status != HTTPStatus.OK or not isinstance(documents, list) or len(documents) != size:
            return None
        return tuple(_result(_expect_object(document, "an answer")) for document in documents)
    except BadPayload:
        return None


def _result(document: Payload) -> Payload:
    if "result" not in document:
        raise BadPayload("no result")
    return _unwrap(document)


def _decode(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_int=float, object_pairs_hook=_object)
    except RecursionError:
        raise BadPayload("JSON nested too deeply") from None
    except ValueError:  # not UTF-8, or not JSON
        raise BadPayload("not JSON in UTF-8; check application.url") from None


def _object(pairs: list[tuple[str, object]]) -> Payload:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        fields.update((name, AMBIGUOUS) for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    return fields


def _expect_object(value: object, what: str) -> Payload:
    if not isinstance(value, dict):
        raise BadPayload(f"{what} is not a JSON object")
    return value


def _is_error(document: Payload) -> bool:
    return "error" in document and "result" not in document


def _unwrap(document: Payload) -> Payload:
    if "result" not in document:
        return document
    data = _expect_object(_expect_object(document["result"], "result").get("data"), "result.data")
    return _expect_object(data["json"], "result.data.json") if _is_superjson(data) else data


def _is_superjson(value: Payload) -> bool:
    return "json" in value and value.keys() <= {"json", "meta"}


def _error_words(error: object) -> str:
    if isinstance(error, dict) and _is_superjson(error):
        error = error["json"]
    if not isinstance(error, dict):
        return error if isinstance(error, str) else "an error without words"
    data = error.get("data")
    code = data.get("code") if isinstance(data, dict) else None
    return " ".join(word for word in (code, error.get("message")) if isinstance(word, str)) or "an error without words"


def _status_line(status: int) -> str:
    return f"HTTP {status} ({_HINTS[status]})" if status in _HINTS else f"HTTP {status}"
