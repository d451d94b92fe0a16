"""Memory that only starting needs is given back, where the C library can."""

import ctypes

import pytest

from exporter.app.footprint import release_memory


def test_c_library_is_asked_to_release_memory(monkeypatch):
    """Whatever it answers."""
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: type("Library", (), {"malloc_trim": asked.append})())
    release_memory()
    assert asked == [0]


@pytest.mark.parametrize("library", [object(), None])
def test_c_library_without_the_function_is_no_error(monkeypatch, library):
    """Musl has no malloc_trim; a platform may have no C library to load."""

    def load(_name):
        if library is None:
            raise OSError
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    release_memory()
