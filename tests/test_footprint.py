"""Memory is handed back where the C library can, and nothing else happens."""

import ctypes

import pytest

from exporter.footprint import hand_back


def test_it_asks_the_c_library(monkeypatch):
    """Whatever that says."""
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: type("Library", (), {"malloc_trim": asked.append})())
    hand_back()
    assert asked == [0]


@pytest.mark.parametrize("library", [object(), None])
def test_other_c_libraries_are_left_alone(monkeypatch, library):
    def load(_name):
        if library is None:
            raise OSError
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    hand_back()
