"""The locks of the image satisfy what they are made from, and can be verified."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.image import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def entries(lock: str) -> Iterator[str]:
    """The lock's entries, each on one line with its hashes."""
    text = (ROOT / "requirements" / lock).read_text("utf-8").replace("\\\n", " ")
    return (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def pinned(lock: str) -> dict[str, str]:
    """The locked versions by package, for Linux."""
    found = [Requirement(entry.partition("--hash")[0]) for entry in entries(lock)]
    wanted = [each for each in found if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in wanted}


def unsatisfied(requirements: list[str], lock: str) -> list[str]:
    versions = pinned(lock)
    parsed = [Requirement(each) for each in requirements]
    return [
        str(each)
        for each in parsed
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]


def test_the_locks_satisfy_their_sources():
    """A failure means that `make lock` has to run again."""
    build_in = [line for line in (ROOT / "requirements" / "build.in").read_text("utf-8").splitlines() if line[0] != "#"]
    assert unsatisfied(PROJECT["project"]["dependencies"], "run.txt") == []
    assert unsatisfied([*PROJECT["build-system"]["requires"], *build_in], "build.txt") == []


def test_a_version_outside_of_the_bounds_is_found():
    """A newer minor version of psycopg is not accepted from a lock."""
    assert unsatisfied(["psycopg[binary]>=3.4", "not-locked>=1", "psycopg>=3.3"], "run.txt") == [
        "psycopg[binary]>=3.4",
        "not-locked>=1",
    ]


@pytest.mark.parametrize("lock", ["run.txt", "build.txt"])
def test_every_entry_is_one_version_with_hashes(lock):
    """Pip refuses any other file of it; no entry names a place to download from."""
    found = list(entries(lock))
    assert len(found) > 15
    for entry in found:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^;]+?)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+", entry), entry


@pytest.mark.parametrize("package", ["promql-parser", "psycopg"])
def test_private_interfaces_have_an_upper_bound(package):
    """The next minor version of a package whose interfaces may change with it is not installed."""
    (requirement,) = [
        Requirement(each) for each in PROJECT["project"]["dependencies"] if Requirement(each).name == package
    ]
    major, minor = pinned("run.txt")[package].split(".")[:2]
    assert not requirement.specifier.contains(f"{major}.{int(minor) + 1}")
