"""The libraries that the lab can run, by the name of their profile."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from exporter.lab.libraries.library import Library

# The class in its module here, and the packages that it imports.
_CLASSES: Final = {
    "chancy": ("chancy", "ChancyLibrary", ("chancy",)),
    "django-outbox-pattern": ("django_outbox_pattern", "DjangoLibrary", ("django_outbox_pattern", "stomp")),
    "pgqueuer": ("pgqueuer", "PgqueuerLibrary", ("pgqueuer", "asyncpg")),
    "procrastinate": ("procrastinate", "ProcrastinateLibrary", ("procrastinate",)),
}

NAMES: Final = tuple(_CLASSES)


def missing_packages(name: str) -> list[str]:
    """The packages of a library that are not installed; none is imported. Raises: KeyError for an unknown name."""
    return [package for package in _CLASSES[name][2] if find_spec(package) is None]


def load(name: str, dsn: str) -> Library:
    """The library, with its tables in this database. Raises: KeyError; ModuleNotFoundError."""
    module, kind, _ = _CLASSES[name]
    library: Library = getattr(import_module(f"exporter.lab.libraries.{module}"), kind)(dsn)
    return library
