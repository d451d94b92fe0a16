"""Reads an HTML page as a browser does, for tests of what it contains."""

from html.parser import HTMLParser


class PageReader(HTMLParser):
    """The elements, attributes and texts of a page; a space is a space, whether or not a line may break there."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data.replace("\u00a0", " ")
