"""requests, without what it would guess the encoding of a text with: 3 MiB of memory that nobody here has a use for.

To requests that is optional: without it, text is UTF-8. We read bytes. So whoever needs requests takes it from here.
"""

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def _without(*modules: str) -> Generator[None]:
    """Those that are not imported yet cannot be, in here."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type] # None is how the import system knows it
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with warnings.catch_warnings(), _without("chardet", "charset_normalizer"):
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

__all__ = ["DEFAULT_CA_BUNDLE_PATH", "HTTPAdapter", "requests"]
