"""A change of the configuration file is noticed once, however it was made."""

from __future__ import annotations

from pathlib import Path

from exporter.app.config_file import ConfigFile


def test_a_change_is_noticed_once(tmp_path: Path):
    """Written, or replaced by another file; the same content is no change."""
    path = tmp_path / "config.yaml"
    path.write_text("a")
    file = ConfigFile(path)
    assert not file.has_changed()
    path.write_text("b")
    assert (file.has_changed(), file.has_changed()) == (True, False)
    (tmp_path / "new").write_text("c")
    (tmp_path / "new").replace(path)
    assert (file.has_changed(), file.has_changed()) == (True, False)
    path.write_text("c")
    assert not file.has_changed()


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path):
    """As Kubernetes updates a ConfigMap: the directory behind `..data` is another one."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(name)
    data = tmp_path / "..data"
    data.symlink_to("one")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    file = ConfigFile(tmp_path / "config.yaml")
    (tmp_path / "..tmp").symlink_to("two")
    (tmp_path / "..tmp").replace(data)
    assert (file.has_changed(), file.has_changed()) == (True, False)


def test_a_file_that_cannot_be_read_has_not_changed(tmp_path: Path):
    """It has when it is back with another content."""
    path = tmp_path / "config.yaml"
    path.write_text("a")
    file = ConfigFile(path)
    path.unlink()
    assert not file.has_changed()
    path.write_text("a")
    assert not file.has_changed()
    path.write_text("b")
    assert file.has_changed()


def test_without_a_file_nothing_changes():
    assert not ConfigFile(None).has_changed()
