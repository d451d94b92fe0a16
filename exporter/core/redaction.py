"""Hides secrets in texts that leave the program: log lines, pages, errors of libraries.

A secret is hidden when it is known, and when the text marks it: the user information of a URI, the value of
`password=`, an `Authorization` header.
"""

import json
import re
from collections.abc import Iterable, Iterator
from threading import Lock
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"

# Shorter ones are not hidden: hiding every "abc" would make all texts unreadable, and would show where the secret is.
MIN_LENGTH = 4

# A token that is renewed every few minutes must not make the search for secrets slower and slower.
MAX_RENEWED = 32

# The rest of the word after a scheme: a password that was not percent-encoded may hold any other character. A URI that
# was taken for a path has lost one slash.
_AFTER_SCHEME = re.compile(r"(:/{1,2})(\S*)")
_ALONE = r"password|passwd|passphrase|passcode|pwd|credentials?|(?:api|private|access)[ _-]?key"
_MARK = rf"{_ALONE}|secret|token|(?<![A-Za-z])pass"
# JSON within JSON escapes its quotes.
_QUOTE = r"""\\{0,4}["']"""
_VALUE = r"""(?:
    \\{1,4}(?P<escaped>["'])(?:(?!\\{1,4}(?P=escaped)).)*(?:\\{1,4}["'])?
  | "(?:[^"\\]|\\.)*"?
  | '(?:[^'\\]|\\.)*'?
  | (?:[^\s,;&"'<>]|[,;&](?!\s|\Z|[\w.%-]+=))+  # as far as another value begins
)"""
# As in `password=x`, in JSON, and in prose. No repetition comes before a name: the application may send megabytes.
# Prose continues with a word after "unexpected token:", and `PASS:` is a verdict.
_NAMED_VALUE = re.compile(
    rf"""(?P<name>
    (?:{_MARK})(?:(?:{_QUOTE})?\s*(?:=>?|:=|%3D)\s*|{_QUOTE}\s*:\s*)
  | (?:{_ALONE}|(?-i:(?<![A-Za-z])pass))\s*:\s*
  | (?:secret|token)\s*:\s*(?=\S{{8}})(?=\S{{0,200}}[0-9])
  | authorization(?:{_QUOTE})?\s*[:=]\s*(?:[A-Za-z-]{{1,20}}[ ]+)?
){_VALUE}""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
# Source: RFC 9110, section 11.4, RFC 7617, RFC 6750. Shorter words after "basic" are prose.
_CREDENTIALS = re.compile(r"\b(?P<scheme>bearer|basic)\s+[A-Za-z0-9._~+/-]{8,}=*", re.IGNORECASE)

_PASSWORD_IN_URI = re.compile(r"[A-Za-z][\w+.-]*://[^/?#@]*?:([^/?#]*)@")


class Redactor:
    """Hides some secrets, in the forms in which they may occur."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secret for secret in secrets if len(secret) >= MIN_LENGTH)
        forms = {form for secret in self._secrets for form in _forms(secret) if len(form) >= MIN_LENGTH}
        longest_first = sorted(forms, key=len, reverse=True)  # or a part of a longer one would remain
        self._pattern = re.compile("|".join(map(_pattern, longest_first))) if longest_first else None

    def hide(self, text: str) -> str:
        """The text with `[hidden]` in place of every known secret, raw or encoded, and of marked ones."""
        return hide_credentials(self._pattern.sub(HIDDEN, text) if self._pattern else text)

    def with_secrets(self, secrets: Iterable[str]) -> "Redactor":
        """One that hides these secrets as well: a replaced password may still occur in an old error."""
        return Redactor(self._secrets.union(secrets))


class KnownSecrets:
    """Hides the secrets that the program knows: those of every configuration, and the latest that were renewed since.

    Thread-safe. A renewed secret is hidden until `MAX_RENEWED` others were used after it: it may occur in an old error.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._configured = Redactor()
        self._renewed: dict[str, None] = {}  # in the order of their use
        self._redactor = self._configured

    def hide(self, text: str) -> str:
        """The text without them, and without secrets that are marked in it."""
        return self._redactor.hide(text)

    def configure(self, secrets: Iterable[str]) -> None:
        """Hide these for good."""
        with self._lock:
            self._configured = self._configured.with_secrets(secrets)
            self._redactor = self._configured.with_secrets(self._renewed)

    def renew(self, *secrets: str) -> None:
        """Hide these as well. Call it before a secret is used."""
        with self._lock:
            is_new = any(secret not in self._renewed for secret in secrets)
            for secret in secrets:
                self._renewed.pop(secret, None)
                self._renewed[secret] = None
            for oldest in tuple(self._renewed)[:-MAX_RENEWED]:
                del self._renewed[oldest]
            if is_new:
                self._redactor = self._configured.with_secrets(self._renewed)


def hide_credentials(text: str) -> str:
    """The text with `[hidden]` in place of the secrets that are marked in it, known or not."""
    text = _AFTER_SCHEME.sub(_without_user_information, text)
    text = _NAMED_VALUE.sub(rf"\g<name>{HIDDEN}", text)
    return _CREDENTIALS.sub(rf"\g<scheme> {HIDDEN}", text)


def _without_user_information(uri: re.Match[str]) -> str:
    _, at, place = uri[2].rpartition("@")
    return f"{uri[1]}{HIDDEN}@{place}" if at else uri[0]


def _pattern(form: str) -> str:
    """The form literally, but percent-encoded bytes in either case."""
    return re.sub("%([0-9A-F]{2})", r"%(?i:\1)", re.escape(form))


def _forms(secret: str) -> Iterator[str]:
    """The secret, the password of a URI as it was written, and both encoded up to twice, as in a repr of a repr."""
    for plain in (secret, *_PASSWORD_IN_URI.findall(secret)):
        yield plain
        for once in _encoded(plain):
            yield once
            yield from _encoded(once)


def _encoded(secret: str) -> Iterator[str]:
    """As it is written in a URL, in a repr, in JSON and in libpq's key=value form."""
    for encode in (quote, quote_plus):
        for safe in ("", "/"):
            yield encode(secret, safe=safe, errors="replace")
    yield from (repr(secret)[1:-1], ascii(secret)[1:-1])
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield secret.replace("\\", "\\\\").replace("'", "\\'")
