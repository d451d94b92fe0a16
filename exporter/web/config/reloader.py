"""Reloads the web configuration while the exporter runs: new certificates and passwords need no restart."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from exporter.core.errors import ConfigError
from exporter.web.config import file, ssl_context

log = logging.getLogger("exporter.web.server")

# Seconds between two checks, each of which is one stat call per file. The toolkit reads its file for every request; a
# delay of a second is short enough, and a flood of requests causes no system calls.
CHECK_INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class LoadedWebConfig:
    """The file and its certificates as read at one time. `tls` is None for plain HTTP."""

    config: file.WebConfig
    tls: SSLContext | None = None


NO_WEB_CONFIG = LoadedWebConfig(file.WebConfig())


def load(path: Path) -> LoadedWebConfig:
    """The file, and its certificates loaded. Raises: ConfigError with every problem and its line."""
    config = file.load(path)
    return LoadedWebConfig(config, ssl_context.build(config.tls) if config.tls else None)


class WebConfigReloader:
    """Returns the file's content, at most `CHECK_INTERVAL` seconds old.

    An invalid file keeps the previous content in use and is logged once per error. So does a file without TLS or users
    that had them before: a file read half-written must not disable protection. That needs a restart.

    Not thread-safe: use from the server's event loop. `clock` gives monotonic seconds.
    Raises: ConfigError at construction when the file is invalid.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._checked_at = clock()
        self._last_error = ""
        self._signature = {path: _stat(path)}
        self._use(load(path))

    def current(self) -> LoadedWebConfig:
        """The content for the next connection or request."""
        if self._clock() - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = self._clock()
            signature = {path: _stat(path) for path in self._signature}
            if self._last_error or signature != self._signature:
                self._signature = signature
                self._reload()
        return self._loaded

    def _reload(self) -> None:
        try:
            loaded = load(self._path)
            _refuse_disabling(self._loaded.config, loaded.config, str(self._path.absolute()))
        except ConfigError as error:
            if str(error) != self._last_error:
                log.error("web configuration not reloaded, the previous one stays in use: %s", error)  # noqa: TRY400 - the message is complete
            self._last_error = str(error)
            return
        log.info("web configuration reloaded")
        self._last_error = ""
        self._use(loaded)

    def _use(self, loaded: LoadedWebConfig) -> None:
        """Files keep the state from before they were read, so that a change in the meantime is noticed."""
        self._loaded = loaded
        tls = loaded.config.tls
        files = (self._path, *(tls.files if tls else ()))
        self._signature = {path: self._signature.get(path) or _stat(path) for path in files}


def _refuse_disabling(old: file.WebConfig, new: file.WebConfig, path: str) -> None:
    protections = (("TLS", old.tls, new.tls), ("users", old.users, new.users))
    missing = [name for name, before, after in protections if before and not after]
    if missing:
        raise ConfigError((f"{path}: no longer holds {' and '.join(missing)}; disabling that needs a restart",))


def _stat(path: Path) -> tuple[int, ...]:
    """Changes when the file is rewritten or replaced, or when a symbolic link to it changes, as Kubernetes does."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
