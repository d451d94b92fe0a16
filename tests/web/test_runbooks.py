"""The pages of runbooks: complete, escaped, and with working links."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from exporter.app.alerting import runbook
from exporter.core import html_layout
from exporter.web import runbooks
from exporter.web.server import WebServer
from tests import webtools
from tests.alerts.runbook import runbooks as shipped
from tests.html_reader import PageReader
from tests.webtools import get

ALERTS = [page.alert for page in shipped()]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with WebServer(webtools.site(runbook=runbook), "127.0.0.1:0") as server:
        yield server.url


@pytest.mark.parametrize("alert", ALERTS)
def test_every_runbook_is_served(url, alert):
    """With every section and every block of code, and each link has a page."""
    answer = get(f"{url}/runbooks/{alert}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    seen = PageReader(answer.text)
    (page,) = (page for page in shipped() if page.alert == alert)
    assert [title for title in page.titles if f"<h2>{title}</h2>" not in answer.text] == []
    assert [block.text for block in page.blocks() if block.text not in seen.text] == []
    assert f"<title>{alert}</title>" in answer.text
    for link in seen.links:
        assert link in ("../", "./") or link in ALERTS, link
        assert get(f"{url}/runbooks/{link}").status_code == 200


def test_all_are_listed(url):
    """With a link to each, and without the comment for editors."""
    answer = get(f"{url}/runbooks/")
    assert answer.status_code == 200
    links = PageReader(answer.text).links
    assert (len(links), set(links)) == (len(ALERTS) + 2, {"../", "./", *ALERTS})
    assert "written by" not in answer.text


def test_without_a_slash_the_list_is_found(url):
    """By a relative address, which works behind a proxy that adds a path."""
    answer = get(f"{url}/runbooks")
    assert (answer.status_code, answer.headers["Location"]) == (308, "runbooks/")


def test_the_name_of_the_file_does_as_well(url):
    """For links between files of the repository."""
    assert get(f"{url}/runbooks/OutboxStalled.md").text == get(f"{url}/runbooks/OutboxStalled").text


@pytest.mark.parametrize(
    "name",
    ["OutboxNothing", "..%2Fpolicy.yaml", "%2e%2e%2fpolicy", "../policy.yaml", "OutboxStalled/", "*",
     "outboxstalled", "%00", "OutboxStalled%0a", "x" * 2000, "<script>"],
)  # fmt: skip
def test_nothing_else_is_served(url, name):
    """No other file; and the name is not in the response."""
    answer = get(f"{url}/runbooks/{name}")
    assert "groups:" not in answer.text
    assert answer.status_code == 404
    assert "script" not in answer.text


def test_pages_may_run_no_script(url):
    """Their policy allows only their own style."""
    answer = get(f"{url}/runbooks/OutboxStalled")
    policy = answer.headers["Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert policy == f"{html_layout.security_policy(style)}; frame-ancestors 'none'"
    assert "unsafe" not in policy


def test_html_in_markdown_is_escaped():
    """Links have safe targets, and no resource is loaded."""
    hostile = """# <script>alert(1)</script>

<img src=x onerror=alert(1)> *<b onclick=x>bold</b>*

<div onclick="alert(1)">

[a](javascript:alert(1)) [b](data:text/html,x) [c](//evil.example) [d](https://ok.example/"onclick="x) ![e](http://x/i.png)

[f](OutboxStalled.md "t\\"onclick=") `<i>`

```"onclick="x
<script>alert(2)</script>
```
| a | b |
|---|---|
| <u>x</u> | [g](x.md?a=<b>) |
"""
    seen = PageReader(runbooks.page('x</title><script>"', hostile))
    assert {"script", "img", "b", "i", "u", "div onclick"} & set(seen.elements) == set()
    assert set(seen.attributes) <= {
        "lang", "charset", "name", "content", "href", "class", "role", "aria-label", "tabindex",
    }  # fmt: skip
    assert seen.links == ["../", "./", "https://ok.example/%22onclick=%22x", "OutboxStalled"]


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("OutboxStalled.md", "OutboxStalled"),
        ("OutboxStalled.md#diagnosis", "OutboxStalled#diagnosis"),
        ("README.md", "./"),
        ("https://www.postgresql.org/docs/", "https://www.postgresql.org/docs/"),
        ("../../docs/watch.md", None),
        ("../prometheus/outbox.rules.yaml", None),
        ("javascript:alert(1)", None),
        ("//evil.example/x.md", None),
        ("", None),
    ],
)
def test_targets_of_links(target, leads_to):
    """Another runbook or a web page; a file that is not served has none."""
    assert runbooks.link(target) == leads_to


def test_files_that_are_not_served_are_named():
    """By their path in the repository."""
    text = PageReader(runbooks.page("x", "[here](../../docs/watch.md) [docs/alerting.md](../../docs/alerting.md)")).text
    assert "here (docs/watch.md in the repository) docs/alerting.md\n" in text


def test_mistune_is_imported_with_the_first_runbook():
    """And not with the server, to save memory."""
    script = "import sys, exporter.app.run; print('mistune' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_runbooks_are_rendered_in_the_image():
    """Where Python runs without docstrings and assertions."""
    script = (
        "from exporter.app.alerting import runbook\n"
        "from exporter.web import runbooks\n"
        "print(runbooks.page('x', runbook('OutboxStalled')))"
    )
    done = subprocess.run([sys.executable, "-OO", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == runbooks.page("x", runbook("OutboxStalled") or "") + "\n"


def test_tables_scroll_in_a_region_of_their_own():
    """A wide table does not widen the page, and can be scrolled with the keyboard."""
    page = runbooks.page("x", "| a |\n|---|\n| b |\n")
    assert '<div class="table" role="region" aria-label="Table" tabindex="0"><table>' in page
