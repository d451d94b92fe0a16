"""Loads web configuration files from texts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exporter.web.config.file import WebConfig, load

TLS: Final = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"


def loaded(directory: Path, text: str) -> WebConfig:
    """The settings of a file with this text. Raises: ConfigError."""
    path = directory / "web.yml"
    path.write_text(text)
    return load(path)
