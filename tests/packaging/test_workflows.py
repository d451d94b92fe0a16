""".github/workflows: pinned actions, few permissions, one name of the image; actionlint checks the rest."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tools.image import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
IMAGE = "ghcr.io/outbox-exporter/outbox-exporter"


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))["jobs"]
    return found


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(workflow):
    """With the version as a comment, which Dependabot updates together with the commit."""
    uses = re.findall(r"uses: (.*)", workflow.read_text("utf-8"))
    assert uses
    assert [each for each in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_no_token_is_left_in_a_checkout():
    """Later steps cannot use it."""
    steps = [step for path in WORKFLOWS for job in jobs(path.name).values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == 5
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_the_release_has_the_permissions_that_it_needs():
    """Each job its own; publishing to PyPI has an identity and nothing else, no token."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    permissions = {name: job["permissions"] for name, job in jobs("release.yml").items()}
    assert yaml.safe_load(text)["permissions"] == {}
    assert permissions["pypi"] == {"id-token": "write"}
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"GITHUB_TOKEN"}


def test_the_image_is_built_for_both_platforms_and_attested():
    """Under the name that the Deployment and the documentation have, with the version and the commit as labels."""
    job = jobs("release.yml")["image"]
    (build,) = [step["with"] for step in job["steps"] if step.get("id") == "image"]
    (attest,) = [step["with"] for step in job["steps"] if "attest-build-provenance" in step.get("uses", "")]
    assert job["env"]["IMAGE"] == IMAGE
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert (build["provenance"], build["sbom"]) == ("mode=max", True)
    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", build["labels"])) == {"version", "revision"}
    assert attest["subject-digest"] == "${{ steps.image.outputs.digest }}"
    for page in ("docs/installation.md", "examples/kubernetes/base/deployment.yaml"):
        assert IMAGE in (ROOT / page).read_text("utf-8")


def test_the_locked_packages_are_tried_on_the_oldest_and_the_newest_python():
    """The oldest is that of pyproject.toml; then that of the image, and newer ones."""
    assert jobs("ci.yml")["locked"]["strategy"]["matrix"]["python"] == ["3.11", "3.13", "3.14", "3.15"]
