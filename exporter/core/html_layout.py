"""The layout of pages: one style for the status page and the report, and the frame of a standalone document.

No page loads a resource, and none has a script. Its security policy allows its own style by hash, so that a text that
is not escaped by mistake has no effect.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from html import escape, unescape

from exporter.core.humanize import utf8_safe

BASE_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #55606e; --paper: #f5f6f8; --card: #fff; --line: #d8dde3;
  --link: #0b57d0; --good: #14663a; --bad: #b3261e; --warn: #7a5200;
  --plot-0: #0b62b8; --plot-1: #b35c00; --plot-2: #14703c; --plot-3: #7b3fa0 }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3adba; --paper: #12161c;
  --card: #1b2129; --line: #343c47; --link: #8ab4f8; --good: #7bd49b; --bad: #ff9d94; --warn: #f0c06a;
  --plot-0: #6cb2ff; --plot-1: #ffb057; --plot-2: #74d39a; --plot-3: #c99bea } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem }
header { padding-top: 1.5rem }
footer { padding-top: 1.5rem; padding-bottom: 2rem; font-size: .9rem }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 2rem 0 .75rem }
h3 { font-size: 1rem; margin: 0 0 .25rem }
p { margin: .25rem 0 }
a { color: var(--link) }
.soft, .unknown { color: var(--soft) }
.good { color: var(--good) } .bad { color: var(--bad) } .warn { color: var(--warn) }
.state { font-weight: 600; white-space: nowrap } p.state { white-space: normal }
.card, .table, .list { background: var(--card); border: 1px solid var(--line); border-radius: .5rem }
.card { padding: .75rem 1rem; overflow-wrap: anywhere }
.list { margin: 0; padding: .75rem 1rem .75rem 2rem; overflow-wrap: anywhere }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .45rem .75rem; text-align: left; vertical-align: baseline; border-top: 1px solid var(--line) }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: .9rem }
tbody th { font-weight: 600 }
.text { overflow-wrap: anywhere; min-width: 9rem }
.short, .number { white-space: nowrap }
.number { text-align: right }
.rows wbr { display: none }
@media screen and (max-width: 52rem) {
  .rows wbr { display: inline }
  .rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  .rows, .rows tbody, .rows tr, .rows th, .rows td { display: block }
  .rows tr { padding: .5rem .75rem; border-top: 1px solid var(--line) } .rows tbody tr:first-child { border-top: 0 }
  .rows tbody th, .rows td { border: 0; padding: .1rem 0; min-width: 0; text-align: left; white-space: normal;
    overflow-wrap: anywhere }
  .rows td { display: flow-root; padding-left: 7rem }
  .rows td::before { content: attr(data-column); float: left; width: 6.5rem; margin-left: -7rem; color: var(--soft) }
  .rows td:empty { display: none }
}
"""
UNKNOWN = '<span class="unknown">unknown</span>'


def security_policy(style: str) -> str:
    """The policy of a page with this style: nothing but the style."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def document(title: str, style: str, body: str, head: str = "") -> str:
    """A whole page, encodable in UTF-8. `title` is text; `body` and `head` are HTML."""
    return utf8_safe(f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{head}<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{_keep_units(body)}
</body>
</html>
""")


def _keep_units(body: str) -> str:
    """HTML in which a number is not separated from its unit at the end of a line."""
    return _UNIT.sub("\u00a0", body)


def breakable(text: str) -> str:
    """The text, escaped, which a narrow screen breaks between the words of a name, as in db/a_table or AnAlert."""
    return "<wbr>".join(escape(part) for part in _WORD_END.split(text))


def shown(value: float | None, text: Callable[[float], str]) -> str:
    """The text of a value; "unknown" for None, which is never shown as 0."""
    return UNKNOWN if value is None else escape(text(value))


def section(key: str, title: str, body: str, kind: str = "") -> str:
    """A section with its heading; nothing where there is no body. `key` and `kind` are ours, `title` is text."""
    if not body:
        return ""
    return f"""<section aria-labelledby="{key}"><h2 id="{key}" class="{kind}">{escape(title)}</h2>{body}</section>"""


def table(labelled_by: str, columns: tuple[str, ...], rows: list[tuple[str, ...]], numbers: frozenset[int]) -> str:
    """A table with a heading for each row and column. Cells are HTML; `numbers` are the columns set to the right.

    On a narrow screen each row is a block of lines, with the column's name before each cell. The roles repeat what the
    elements mean, because some browsers drop that with another `display`.
    """
    if not rows:
        return ""
    kinds = tuple(_kind(index, rows, numbers) for index in range(len(columns)))
    heads = "".join(
        f'<th scope="col" role="columnheader" class="{kind}">{escape(name)}</th>'
        for name, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(f'<tr role="row">{"".join(_cells(row, columns, kinds))}</tr>' for row in rows)
    return (
        f'<div class="table" role="region" aria-labelledby="{labelled_by}" tabindex="0">'
        f'<table class="rows" role="table"><thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _cells(row: tuple[str, ...], columns: tuple[str, ...], kinds: tuple[str, ...]) -> Iterator[str]:
    yield f'<th scope="row" role="rowheader" class="{kinds[0]}">{row[0]}</th>'
    for name, kind, cell in zip(columns[1:], kinds[1:], row[1:], strict=True):
        yield f'<td role="cell" class="{kind}" data-column="{escape(name)}">{cell}</td>'


# After a slash or an underscore, and before a capital letter.
_WORD_END = re.compile(r"(?<=[/_])(?=.)|(?<=[a-z])(?=[A-Z])")
# The space before a unit.
_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d)\b|%)")
# Characters of the longest cell of a column that does not wrap.
_SHORT = 20
_TAG = re.compile(r"<[^>]*>")


def _kind(index: int, rows: list[tuple[str, ...]], numbers: frozenset[int]) -> str:
    """The class of a column: `number`, `short`, whose cells stay on one line, or `text`."""
    if index in numbers:
        return "number"
    longest = max(len(unescape(_TAG.sub("", row[index]))) for row in rows)
    return "short" if longest <= _SHORT else "text"
