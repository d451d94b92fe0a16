"""Certificate authorities that a configuration names."""

import pytest
import trustme

from exporter.config import certificates


def test_a_pem_file_is_read(tmp_path):
    """As it is."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    assert certificates.read(path) == path.read_text()


@pytest.mark.parametrize("content", [b"", b"hunter2", b"\xff", b"-----BEGIN CERTIFICATE-----\nhunter2\n"])
def test_a_file_without_certificates_is_refused(tmp_path, content):
    """Without its content."""
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no certificates") as caught:
        certificates.read(path)
    assert "hunter2" not in str(caught.value)
