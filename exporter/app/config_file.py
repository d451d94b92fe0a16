"""Notices that the configuration file has changed, whichever way: written, replaced, or behind another link."""

import hashlib
from pathlib import Path


class ConfigFile:
    """The content of the file, as it was at the last look; a path of None never changes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = self._digest()

    def has_changed(self) -> bool:
        """Whether the content differs from that of the last call. A file that cannot be read has not changed."""
        before, now = self._seen, self._digest()
        self._seen = now or before
        return self._seen != before

    def _digest(self) -> bytes:
        try:
            return hashlib.sha256(self._path.read_bytes()).digest() if self._path else b""
        except OSError:
            return b""
