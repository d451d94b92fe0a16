"""The pages of runbooks, rendered from Markdown in the common page layout, without scripts.

mistune renders the Markdown. It is imported with the first runbook that is read, because it takes 9 ms and 1 MB.
"""

import re
from html import escape
from posixpath import join, normpath
from typing import TYPE_CHECKING

from exporter.core import html_layout

if TYPE_CHECKING:
    from mistune import BaseRenderer

_STYLE = (
    html_layout.BASE_STYLE
    + """
main { padding-bottom: 2rem }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem;
  overflow-x: auto }
code { font-family: ui-monospace, monospace; font-size: .9rem; overflow-wrap: anywhere }
pre code { overflow-wrap: normal }
h1 { margin-bottom: 1rem } li { margin: .35rem 0 }
td:last-child { min-width: 12rem }
nav a { margin-right: 1.25rem }
@media screen and (max-width: 34rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  table, tbody, tr, td { display: block } tr { padding: .4rem 0; border-top: 1px solid var(--line) }
  td, td:last-child { min-width: 0; border: 0; padding: .05rem .75rem }
}
"""
)
CONTENT_SECURITY_POLICY = f"{html_layout.security_policy(_STYLE)}; frame-ancestors 'none'"

_RUNBOOK_LINK = re.compile(r"([A-Za-z]+)\.md(#[A-Za-z0-9-]*)?")
_INDEX = "README"
_COMMENT = re.compile(r"\s*<!--.*?-->\s*", re.DOTALL)
# The directory of the runbooks in the repository: their links are relative to it.
_DIRECTORY = "alerts/runbooks"


def page(title: str, markdown: str) -> str:
    """A whole page. Links between runbooks are relative; a file that is not served is named without a link."""
    body = f"""<header><nav aria-label="Pages"><a href="../">Status</a><a href="./">All runbooks</a></nav></header>
<main>
{_html(markdown)}</main>"""
    return html_layout.document(title, _STYLE, body)


def link(target: str) -> str | None:
    """The address of a link on the page of a runbook; None for a file that is not served."""
    if target.startswith(("https://", "http://")):
        return target
    if here := _RUNBOOK_LINK.fullmatch(target):
        return ("./" if here[1] == _INDEX else here[1]) + (here[2] or "")
    return None


def _html(markdown: str) -> str:
    import mistune  # noqa: PLC0415 - see the module's docstring

    class Renderer(mistune.HTMLRenderer):
        """Escapes HTML in Markdown, and leaves out comments."""

        def link(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002 - our links have no titles
            target = link(url)
            return _repository_path(text, url) if target is None else f'<a href="{escape(target)}">{text}</a>'

        def image(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002 - pages load no images
            return text

        def block_html(self, html: str) -> str:
            return "" if _COMMENT.fullmatch(html) else super().block_html(html)

    render = mistune.create_markdown(renderer=Renderer(escape=True), plugins=["table"])
    if render.renderer is not None:
        render.renderer.register("table", _table)
    return str(render(markdown))


def _table(_renderer: "BaseRenderer", text: str) -> str:
    return f'<div class="table" role="region" aria-label="Table" tabindex="0"><table>{text}</table></div>\n'


def _repository_path(text: str, url: str) -> str:
    """The path of a file in the repository, after the text of its link; `text` is HTML."""
    path = escape(normpath(join(_DIRECTORY, url)))
    return f"<code>{path}</code>" if path.endswith(text) else f"{text} (<code>{path}</code> in the repository)"
