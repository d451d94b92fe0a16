"""Reads the certificate authorities that a configuration names."""

import ssl
from pathlib import Path

from exporter.core.types import Certificates


def read(path: Path) -> Certificates:
    """The content of a PEM file. Raises: ValueError, without showing the content."""
    try:
        text = path.read_text("utf-8")
        # An empty text would mean the well-known authorities.
        ssl.create_default_context(cadata=text.strip() or "-")
    except ssl.SSLError:
        raise ValueError("the file holds no certificates in PEM") from None
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, not ASCII, or nothing at all
        raise ValueError("the file holds no certificates in PEM") from None
    return Certificates(text)
