"""Each module has a test file at the same place below tests/: exporter/core/logs.py has tests/core/test_logs.py.

The folder `exporter` is left out of the path; `alerts`, `dashboards` and `tools` stay in it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTED = ("exporter", "alerts", "dashboards", "tools")


def modules() -> list[Path]:
    """The modules with code, by their paths in the repository; `__init__` and `__main__` only join others."""
    found = [path for package in TESTED for path in sorted((ROOT / package).rglob("*.py"))]
    return [
        path.relative_to(ROOT)
        for path in found
        if not path.name.startswith("__") and not is_data_only(path.read_text())
    ]


def is_data_only(source: str) -> bool:
    """Whether a module has no code: constants, enumerations, records and interfaces need no test file.

    The methods of an interface have a docstring and nothing else.
    """
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return all(len(each.body) == 1 and ast.get_docstring(each) is not None for each in functions)


def mirrored(module: Path) -> Path:
    """The test file of a module."""
    folders = module.parts[1:-1] if module.parts[0] == "exporter" else module.parts[:-1]
    return Path("tests", *folders, f"test_{module.name}")


@pytest.mark.parametrize("module", modules(), ids=str)
def test_each_module_has_a_test_file(module):
    """With at least one test in it."""
    file = ROOT / mirrored(module)
    assert file.exists(), f"{mirrored(module)} is missing: the tests of {module} belong there"
    assert re.search(r"^(async )?def test_", file.read_text("utf-8"), re.MULTILINE), f"{mirrored(module)} has no test"


@pytest.mark.parametrize(
    ("module", "file"),
    [
        ("exporter/cli.py", "tests/test_cli.py"),
        ("exporter/core/logs.py", "tests/core/test_logs.py"),
        ("alerts/policy/load.py", "tests/alerts/policy/test_load.py"),
        ("tools/generate.py", "tests/tools/test_generate.py"),
    ],
)
def test_the_place_of_a_test_file(module, file):
    """The package `exporter` is left out, the others are not."""
    assert mirrored(Path(module)) == Path(file)


@pytest.mark.parametrize(
    ("source", "data_only"),
    [
        ("LIMIT = 5\n", True),
        ("class Color(Enum):\n    RED = 'red'\n", True),
        ("class Source(Protocol):\n    def open(self):\n        'Opens the source.'\n", True),
        ("def double(x):\n    return 2 * x\n", False),
        ("class Box:\n    def open(self):\n        pass\n", False),
        ("async def wait():\n    pass\n", False),
    ],
)
def test_modules_without_code(source, data_only):
    """A function or a method, at any depth, makes a module one that needs tests."""
    assert is_data_only(source) is data_only
