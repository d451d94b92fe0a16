"""Requests and responses as endpoints see them."""

import json

import pytest

from exporter.web.messages import Request, Response, as_json, html, text


def test_headers_of_a_request():
    """The first value, or all of a list that came in several lines; nothing for a header that is missing."""
    request = Request("GET", "/", headers=(("accept", "text/plain"), ("host", "x"), ("accept", "*/*;q=0.1")))
    assert request.header("host") == "x"
    assert request.header("accept") == "text/plain"
    assert request.header("authorization") is None
    assert request.list_header("accept") == "text/plain,*/*;q=0.1"
    assert request.list_header("accept-encoding") == ""


def test_parameters_of_a_query():
    """Every value, decoded; an empty one counts."""
    request = Request("GET", "/metrics", "name[]=a&other=1&name%5B%5D=b%20c&name[]=")
    assert request.parameters("name[]") == ["a", "b c", ""]
    assert request.parameters("nothing") == []


@pytest.mark.parametrize(
    ("response", "content_type"),
    [
        (text("é\n"), "text/plain; charset=utf-8"),
        (html("é\n"), "text/html; charset=utf-8"),
        (as_json("é\n"), "application/json"),
    ],
)
def test_responses_are_utf8(response, content_type):
    """With their type, and status 200."""
    assert (response.status, response.headers["Content-Type"]) == (200, content_type)
    body = response.body.decode()
    assert (json.loads(body) if content_type.endswith("json") else body) == "é\n"


def test_status_and_headers_of_a_response():
    """In addition to its type, or in place of it."""
    refused = text("no", 401, {"WWW-Authenticate": "Basic"})
    assert refused == Response(b"no", 401, {"Content-Type": "text/plain; charset=utf-8", "WWW-Authenticate": "Basic"})


def test_json_has_no_nan():
    """Clients could not read it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(float("nan"))
