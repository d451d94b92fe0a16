"""The frame of pages: nothing from outside, texts escaped."""

import base64
import hashlib

import pytest

from exporter.core import html_layout


def test_policy_allows_the_style_of_the_page_alone():
    """By its hash: no script, no other style, no form, no base."""
    digest = base64.b64encode(hashlib.sha256(b"p { margin: 0 }").digest()).decode()
    assert html_layout.security_policy("p { margin: 0 }") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_document_escapes_its_title_and_can_be_encoded():
    """A lone surrogate would end the answer with an error; it becomes a question mark."""
    page = html_layout.document("<b> & \ud800", "", "<p>body</p>", "<meta>")
    assert "<meta><title>&lt;b&gt; &amp; ?</title>" in page
    assert "<p>body</p>" in page
    page.encode()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("db:5432/<campus>", "db:5432/<wbr>&lt;campus&gt;"),
        ("as in OutboxStalled/page", "as in Outbox<wbr>Stalled/<wbr>page"),
        ("job_outbox", "job_<wbr>outbox"),
        ("UTC, TLS and _", "UTC, TLS and _"),
    ],
)
def test_a_name_breaks_between_its_words(text, html):
    """And is escaped."""
    assert html_layout.breakable(text) == html


def test_a_number_and_its_unit_stay_on_one_line():
    """Not other words: 3 samples, 5 days."""
    page = html_layout.document("Title", "", "<p>9 min 14 s, 1 d 2 h, 38 d, 95 % of 3 samples, 5 days</p>")
    assert "<p>9\u00a0min 14\u00a0s, 1\u00a0d 2\u00a0h, 38\u00a0d, 95\u00a0% of 3 samples, 5 days</p>" in page


def test_section_without_a_body_is_left_out():
    """With a body it is labelled by its heading."""
    assert html_layout.section("key", "Title", "") == ""
    assert html_layout.section("key", "A & B", "<p>", "bad") == (
        '<section aria-labelledby="key"><h2 id="key" class="bad">A &amp; B</h2><p></section>'
    )


def test_table_without_rows_is_left_out():
    """The first cell of a row is its heading, numbers are right-aligned, and cells of 21 characters wrap."""
    assert html_layout.table("key", ("A",), [], frozenset()) == ""
    table = html_layout.table("key", ("A", "N", "S", "T"), [("a", "1", "x" * 20, "y" * 21)], frozenset({1}))
    assert '<th scope="col" role="columnheader" class="number">N</th>' in table
    assert '<th scope="row" role="rowheader" class="short">a</th>' in table
    assert f'<td role="cell" class="short" data-column="S">{"x" * 20}</td>' in table
    assert f'<td role="cell" class="text" data-column="T">{"y" * 21}</td>' in table


def test_the_width_of_a_column_is_that_of_its_text():
    """Elements and references count as what they show; the longest cell decides for the column."""
    word = '<span class="state good">PASS &amp; more</span>'
    table = html_layout.table("key", ("A", "B & C"), [("a", word), ("b", "z" * 21)], frozenset())
    assert table.count('class="text" data-column="B &amp; C"') == 2
    assert 'class="short" data-column' in html_layout.table("key", ("A", "B"), [("a", word)], frozenset())
