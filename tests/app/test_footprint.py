"""Memory is handed back where the C library can, and what nobody has a use for is not loaded."""

import ctypes
import subprocess
import sys

import pytest

from exporter.app.footprint import release_memory


def test_it_asks_the_c_library(monkeypatch):
    """Whatever that says."""
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: type("Library", (), {"malloc_trim": asked.append})())
    release_memory()
    assert asked == [0]


@pytest.mark.parametrize("library", [object(), None])
def test_other_c_libraries_are_left_alone(monkeypatch, library):
    def load(_name):
        if library is None:
            raise OSError
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    release_memory()


def test_requests_comes_without_what_guesses_encodings():
    """And without a word about it; whoever wants that for himself finds it as ever."""
    script = "import sys, exporter.app.run; print(*sys.modules); import charset_normalizer as c; print(c.__name__)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    loaded, wanted = done.stdout.splitlines()
    assert done.stderr == ""
    assert "requests" in loaded.split()
    assert not {"chardet", "charset_normalizer"} & set(loaded.split())
    assert wanted == "charset_normalizer"
