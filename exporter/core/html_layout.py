"""The layout of pages: one style for the status page and the report, and the frame of a standalone document.

No page loads a resource, and none has a script. Its security policy allows its own style by hash, so that a text that
is not escaped by mistake has no effect.
"""

import base64
import hashlib
from html import escape

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
.state { font-weight: 600; white-space: nowrap }
.card, .table, .list { background: var(--card); border: 1px solid var(--line); border-radius: .5rem }
.card { padding: .75rem 1rem; overflow-wrap: anywhere }
.list { margin: 0; padding: .75rem 1rem .75rem 2rem; overflow-wrap: anywhere }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .45rem .75rem; text-align: left; border-top: 1px solid var(--line); white-space: nowrap }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: .9rem }
tbody th { font-weight: 600 }
td.wide { white-space: normal; min-width: 16rem; overflow-wrap: anywhere }
.number { text-align: right }
@media (max-width: 34rem) { th, td { padding: .4rem .5rem } table { font-size: .9rem } }
"""


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
{body}
</body>
</html>
""")


def section(key: str, title: str, body: str, kind: str = "") -> str:
    """A section with its heading; nothing where there is no body. `key` and `kind` are ours, `title` is text."""
    if not body:
        return ""
    return f"""<section aria-labelledby="{key}"><h2 id="{key}" class="{kind}">{escape(title)}</h2>{body}</section>"""


def table(labelled_by: str, columns: tuple[str, ...], rows: list[tuple[str, ...]], numbers: frozenset[int]) -> str:
    """A table that scrolls by itself on a phone. Cells are HTML; `numbers` are the columns set to the right."""
    if not rows:
        return ""

    def css(index: int) -> str:
        return ' class="number"' if index in numbers else ""

    heads = "".join(f'<th scope="col"{css(index)}>{escape(name)}</th>' for index, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{css(index) or _wide(cell)}>{cell}</td>" for index, cell in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="table" role="region" aria-labelledby="{labelled_by}" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


# A cell with more text than this wraps; shorter ones stay on their line.
_LONG = 44


def _wide(cell: str) -> str:
    return ' class="wide"' if len(cell) > _LONG and "<span" not in cell else ""
