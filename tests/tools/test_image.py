"""What the image says of itself; tests/packaging builds and runs it."""

from pathlib import Path

import pytest

from tools.dockerfile import BuildStage, Instruction
from tools.image import Image, copy_context


def image(root: Path, health_check: str) -> Image:
    return Image(root, BuildStage("python", (Instruction("HEALTHCHECK", health_check),)), {})


def test_paths_of_the_health_check_are_moved_where_the_image_has_them(tmp_path):
    """In JSON form; a program of the base image stays this machine's."""
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "check").touch()
    found = image(tmp_path, '--interval=30s --timeout=5s CMD ["/bin/sh", "/opt/check", "/dev/tcp/localhost/1"]')
    assert found.health_check() == ["/bin/sh", f"{tmp_path}/opt/check", "/dev/tcp/localhost/1"]
    assert found.health_interval() == 30


def test_a_shell_runs_a_health_check_in_shell_form(tmp_path):
    """As Docker does."""
    assert image(tmp_path, "--interval=5s CMD check || exit 1").health_check() == ["/bin/sh", "-c", "check || exit 1"]


def test_a_health_check_without_interval_is_refused(tmp_path):
    """The default of Docker is not guessed."""
    with pytest.raises(ValueError, match="no interval in seconds"):
        image(tmp_path, "--timeout=5s CMD true").health_interval()


def test_the_context_is_what_dockerignore_lists(tmp_path):
    """Other files, and folders of bytecode, stay out."""
    source, target = tmp_path / "source", tmp_path / "target"
    for name in (".dockerignore", "secret", "wanted/module.py", "wanted/__pycache__/module.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    (source / ".dockerignore").write_text("*\n!wanted\n!absent\n**/__pycache__\n")
    target.mkdir()
    copy_context(source, target)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == ["wanted", "wanted/module.py"]
