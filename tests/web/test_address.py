"""The published address of the web server."""

import os
from pathlib import Path

from exporter.web.address import publish


def test_the_address_is_published_while_the_descriptor_is_open():
    """As the name of an anonymous file without content."""
    descriptor = publish("[::1]:9721")
    assert descriptor is not None
    link = Path(f"/proc/self/fd/{descriptor}")
    assert link.readlink() == Path("/memfd:outbox-exporter [::1]:9721 (deleted)")
    assert os.fstat(descriptor).st_size == 0
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    assert not link.is_symlink()


def test_a_system_without_such_files_publishes_nothing(monkeypatch):
    """macOS, or a kernel that refuses them."""
    monkeypatch.delattr(os, "memfd_create")
    assert publish("127.0.0.1:9721") is None
