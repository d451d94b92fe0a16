"""The web configuration, followed while the exporter runs: new certificates and passwords need no restart."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from exporter.core.errors import ConfigError
from exporter.web.config import file, ssl_context

log = logging.getLogger("exporter.web.server")

# A look is one stat call per file. The toolkit reads its file for every request; a second's delay is enough here,
# and a flood of requests then costs no system calls.
CHECK_INTERVAL = 1.0


@dataclass(frozen=True, slots=True)
class LoadedWebConfig:
    """One reading of the file and of what it names. `tls` is None for plain HTTP."""

    config: file.WebConfig
    tls: SSLContext | None = None


NO_WEB_CONFIG = LoadedWebConfig(file.WebConfig())


def load(path: Path) -> LoadedWebConfig:
    """The file with its certificates opened. Raises: ConfigError with every mistake and its line."""
    config = file.load(path)
    return LoadedWebConfig(config, ssl_context.build(config.tls) if config.tls else None)


class WebConfigReloader:
    """Answers with the file's content as it is now, at most `LOOK_EVERY` seconds late.

    A broken file keeps the previous content and is logged once per mistake. So is a file that would switch TLS or
    authentication off: a file caught half-written, or emptied by accident, must not open the doors. That takes a
    restart.

    Not thread-safe: belongs to the server's event loop.
    Raises: ConfigError at construction when the file is bad.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._checked_at = clock()
        self._last_error = ""
        before = _signature([path])
        self._loaded = load(path)
        self._loaded_signature = before + _signature(self._files()[1:])

    def current(self) -> LoadedWebConfig:
        """The content to use for the next connection or request."""
        if self._clock() - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = self._clock()
            signature = _signature(self._files())
            if self._last_error or signature != self._loaded_signature:
                self._reload(signature)
        return self._loaded

    def _files(self) -> list[Path]:
        tls = self._loaded.config.tls
        return [self._path, *(tls.files if tls else ())]

    def _reload(self, signature: list[tuple[int, ...]]) -> None:
        try:
            loaded = load(self._path)
            _refuse_disabling(self._loaded.config, loaded.config, self._path.name)
        except ConfigError as error:
            if str(error) != self._last_error:
                log.error("web configuration not reloaded, the previous one stays in use: %s", error)  # noqa: TRY400 - the message says it all
            self._last_error = str(error)
            return
        log.info("web configuration reloaded")
        before = self._files()
        self._loaded, self._last_error = loaded, ""
        same_files = before == self._files()
        self._loaded_signature = signature if same_files else signature[:1] + _signature(self._files()[1:])


def _refuse_disabling(old: file.WebConfig, new: file.WebConfig, name: str) -> None:
    lost = [what for what, had, has in (("TLS", old.tls, new.tls), ("users", old.users, new.users)) if had and not has]
    if lost:
        raise ConfigError((f"{name}: no longer holds {' and '.join(lost)}; switching that off needs a restart",))


def _signature(files: Iterable[Path]) -> list[tuple[int, ...]]:
    """What changes when a file is rewritten, replaced, or a symbolic link to it is turned (as Kubernetes does)."""
    return [_stat(path) for path in files]


def _stat(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
