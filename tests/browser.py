"""Loads pages in a real Chromium, and records its requests and console messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

from tests.requirements import require_program


@dataclass
class LoadedPage:
    """A page in a browser."""

    page: Page
    console_messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def horizontal_overflow(self) -> int:
        """The pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless. Without it the test is skipped, or fails with CI=true."""
    path = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(
    browser: Browser, url: str, *, width: int = 1000, scheme: str = "light", scripts: bool = True
) -> Iterator[LoadedPage]:
    """Opens the page in a window of `width` pixels; JavaScript is off without `scripts`."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
    )
    try:
        seen = LoadedPage(context.new_page())
        seen.page.on("console", lambda message: seen.console_messages.append(message.text))
        seen.page.on("pageerror", lambda error: seen.console_messages.append(str(error)))
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.goto(url)
        yield seen
    finally:
        context.close()
