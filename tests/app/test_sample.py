"""The text of one sample and the file that it replaces."""

import json
import stat
from pathlib import Path

import pytest

from exporter.app import sample
from exporter.core.errors import ConfigError


def test_file_is_replaced_and_readable_by_others(tmp_path: Path):
    """node_exporter runs as another user: the umask decides, not a private mode."""
    path = tmp_path / "outbox.prom"
    path.write_text("old")
    sample.write(path, "new\n")
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044
    assert list(tmp_path.iterdir()) == [path]


def test_link_stays_a_link(tmp_path: Path):
    """Its target is replaced."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    sample.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("name", [".", "missing/outbox.prom"])
def test_path_that_takes_no_file_is_refused(tmp_path: Path, name: str):
    """A directory, or a file in a directory that is not there."""
    with pytest.raises(ConfigError, match="--output"):
        sample.write(tmp_path / name, "text")


@pytest.mark.parametrize("configured", [True, False])
def test_sample_that_could_not_be_made(configured: bool):
    """`outbox_up` is 0, and the message distinguishes a wrong configuration from an outage, as after a reload."""
    text = sample.render_unavailable("prometheus", configured=configured)
    assert "\noutbox_up 0.0\n" in text
    assert f"\noutbox_exporter_config_last_reload_successful {float(configured)}\n" in text
    document = json.loads(sample.render_unavailable("json", configured=configured))
    assert (document["up"], document["config_reload_successful"]) == (False, configured)
    assert document["collectors"] == []
