"""Requests and responses of the web server."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body, which no endpoint accepts. `path` is decoded; names of headers are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case; None without it."""
        return next((value for each, value in self.headers if each == name), None)

    def list_header(self, name: str) -> str:
        """The value of a list header, which may be given in several lines; empty without it."""
        return ",".join(value for each, value in self.headers if each == name)

    def parameters(self, name: str) -> list[str]:
        """All values of a parameter of the query."""
        return parse_qs(self.query, keep_blank_values=True).get(name, [])


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. Its length is added when it is sent."""

    body: bytes = b""
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


# Answers a request; must not block.
Handler = Callable[[Request], Awaitable[Response]]


def text(content: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """A response of plain text."""
    return Response(content.encode(), status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


def html(content: str, headers: Mapping[str, str] | None = None) -> Response:
    """A page."""
    return Response(content.encode(), headers={"Content-Type": "text/html; charset=utf-8", **(headers or {})})


def as_json(content: Any) -> Response:
    """An object in JSON. Raises: ValueError for a number that JSON does not have."""
    encoded = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(encoded.encode(), headers={"Content-Type": "application/json"})
