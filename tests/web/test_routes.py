"""The endpoints on real sockets: content negotiation, compression, methods, reload."""

import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
import requests
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.core.errors import ConfigError
from exporter.web.routes import accepts_gzip, render
from exporter.web.server import WebServer
from tests import webtools
from tests.webtools import ask, get

# The Accept header of Prometheus 3.
PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def plain(url: str, **headers: str) -> requests.Response:
    return get(f"{url}/metrics", headers={"Accept-Encoding": "identity", **headers})


def test_text_is_the_default(url):
    answer = plain(url)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    (family,) = parse_text(answer.text)
    assert (family.name, len(family.samples)) == ("outbox_demo_jobs", 200)


def test_prometheus_gets_openmetrics(url):
    answer = plain(url, Accept=PROMETHEUS_ACCEPT)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    (family,) = parse_openmetrics(answer.text)  # type: ignore[no-untyped-call] # untyped in the client library
    assert len(family.samples) == 200


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=banana",
        "application/openmetrics-text; version=99.0.0",
        "application/openmetrics-text; version=1.0.0.x",
        'text/plain; version="1.0.0"',
        ";;;,,,version=",
        "text/html,*/*;q=0.8",
    ],
)
def test_an_unknown_accept_header_gets_plain_text(url, accept):
    """The client library compares versions as numbers: it raises on text and accepts any higher number."""
    answer = plain(url, Accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


@pytest.mark.parametrize("scheme", ["allow-utf-8", "underscores", "dots", "values", "nonsense", ""])
@pytest.mark.parametrize(
    "form", ["application/openmetrics-text;version=1.0.0", "text/plain;version=1.0.0", "text/plain;version=0.0.4"]
)
def test_metric_names_are_never_escaped(url, form, scheme):
    """In every escaping scheme that Prometheus may ask for: ours are legal in all of them."""
    answer = plain(url, Accept=f"{form};escaping={scheme};q=0.6,text/html;q=0.1")
    assert answer.status_code == 200
    assert answer.text.count("\noutbox_demo_jobs{queue=") == 200
    assert "__" not in answer.text
    if "1.0.0" in form:
        named = scheme if scheme == "allow-utf-8" else "underscores"
        assert answer.headers["Content-Type"].endswith(f"; escaping={named}")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/openmetrics-text;version=1.0.0;q=0,text/plain", "text/plain; version=0.0.4"),
        (
            "application/openmetrics-text; version=1.0.0; q=0.4, text/plain; version=0.0.4; q=0.5",
            "text/plain; version=0.0.4",
        ),
        ("text/plain;version=0.0.4;q=0.3,Application/OpenMetrics-Text;Version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=1.0.0;q=0.000", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0;q=banana", "application/openmetrics-text"),
    ],
)
def test_weights_select_the_format(url, accept, form):
    """As in Prometheus' `scrape_protocols`, whose order it sends as weights; 0 rules a form out (RFC 9110, 12.4.2)."""
    assert plain(url, Accept=accept).headers["Content-Type"].startswith(form)


def test_gzip_when_accepted(url):
    packed = get(f"{url}/metrics", headers={"Accept-Encoding": "gzip"}, stream=True)
    body = packed.raw.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == plain(url).content
    assert "Content-Encoding" not in plain(url).headers
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("", False),
        ("*", False),
    ],
)
def test_gzip_is_used_when_named_and_not_ruled_out(header, accepted):
    assert accepts_gzip(header) is accepted


def test_series_can_be_chosen_by_name(url):
    assert plain(f"{url}").text.count("\n") == 202
    assert get(f"{url}/metrics?name[]=nothing_like_it").text == ""
    assert "outbox_demo_jobs" in get(f"{url}/metrics?name[]=outbox_demo_jobs&name[]=nothing").text


class Raising:
    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("before", "Still there.", value=1)
        raise OSError("no such file")


def test_a_raising_collector_loses_its_own_series_only(caplog):
    registry = CollectorRegistry()
    registry.register(webtools.registry())
    registry.register(Raising())
    body, _ = render(webtools.site(metrics=registry), "", [])
    assert b"before 1.0" in body
    assert b'outbox_demo_jobs{queue="queue-7"}' in body
    assert "the scrape is incomplete" in caplog.text


def test_responses_do_not_wait_for_acknowledgements(url):
    """Header and body are written one after the other: with Nagle's algorithm each response would take 40 ms."""
    with requests.Session() as session:
        session.trust_env = False
        moments = [time.monotonic() for _ in range(30) if session.get(f"{url}/metrics", timeout=10).content]
    assert min(after - before for before, after in pairwise(moments)) < 0.03


def test_status_is_json(url):
    assert get(f"{url}/api/v1/status").json() == webtools.status()


def test_the_status_page_may_run_no_script(url):
    answer = get(url)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_healthy_is_independent_of_ready():
    reason = "the first sample is not done"
    with WebServer(webtools.site(ready=lambda: (False, reason)), "127.0.0.1:0") as server:
        assert get(f"{server.url}/-/healthy").status_code == 200
        answer = get(f"{server.url}/-/ready")
    assert (answer.status_code, answer.text) == (503, f"{reason}\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready"])
def test_head_is_get_without_body(url, path):
    head, full = (ask(method, f"{url}{path}", headers={"Accept-Encoding": "identity"}) for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(full.content))


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", "/metrics", {"GET", "HEAD"}), ("DELETE", "/", {"GET", "HEAD"}), ("GET", "/-/reload", {"POST"})],
)
def test_wrong_method(url, method, path, allow):
    answer = ask(method, f"{url}{path}")
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, allow)


@pytest.mark.parametrize("path", ["/metrics/", "/favicon.ico", "/metrics%00", "/../etc/passwd", "/-/quit"])
def test_unknown_path(url, path):
    assert get(f"{url}{path}").status_code == 404


def test_reloading_is_disabled_by_default(url):
    answer = ask("POST", f"{url}/-/reload")
    assert answer.status_code == 403
    assert "web.enable_reload" in answer.text


def test_a_reload_and_its_errors():
    calls = []

    def reload() -> None:
        calls.append(threading.current_thread().name)
        if len(calls) > 1:
            raise ConfigError(("config.yaml:3: sampling.interval: expected a duration", "config.yaml:9: oops"))

    with WebServer(webtools.site(reload), "127.0.0.1:0") as server:
        good, bad = (ask("POST", f"{server.url}/-/reload") for _ in range(2))
    assert (good.status_code, bad.status_code) == (200, 500)
    assert "config.yaml:3: sampling.interval: expected a duration\nconfig.yaml:9: oops\n" in bad.text
    assert calls[0] not in ("web", "MainThread")


def test_pages_of_other_sites_cannot_reload():
    """A page can make the browser post to any address; the browser names the origin in Sec-Fetch-Site."""
    calls: list[None] = []
    with WebServer(webtools.site(lambda: calls.append(None)), "127.0.0.1:0") as server:
        answer = ask("POST", f"{server.url}/-/reload", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, calls) == (403, [])


def test_a_hanging_reload_delays_neither_scrapes_nor_the_end():
    hang = threading.Event()
    server = WebServer(webtools.site(lambda: _ignore(hang.wait(30))), "127.0.0.1:0")
    server.start()
    poster = threading.Thread(target=_post, args=(server.url,))
    poster.start()
    assert all(plain(server.url).elapsed.total_seconds() < 1 for _ in range(5))
    began = time.monotonic()
    server.stop(3.0)
    assert time.monotonic() - began < 3.0
    hang.set()
    poster.join()


def _ignore(_result: object) -> None:
    return None


def _post(url: str) -> None:
    with contextlib.suppress(requests.RequestException):
        ask("POST", f"{url}/-/reload")
