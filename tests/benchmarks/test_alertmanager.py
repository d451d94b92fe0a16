"""The Alertmanager of the benchmark."""

from urllib.request import urlopen

import pytest

from benchmarks import alertmanager, scrape
from tests.requirements import require_program


def test_it_serves_until_the_end_of_the_block(tmp_path):
    """It is ready, and gone afterwards."""
    require_program("prometheus-alertmanager")
    with alertmanager.run_alertmanager(tmp_path) as url:
        with urlopen(f"{url}/-/ready", timeout=10) as answer:
            assert answer.status == 200
        port = int(url.rpartition(":")[2])
    with pytest.raises(OSError, match="refused"):
        scrape.scrape(port)


def test_without_the_program_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    """Neither the newest nor an installed one."""
    monkeypatch.setattr(alertmanager, "_PROGRAM", "no-such-program")
    with pytest.raises(LookupError, match="tools/packages"), alertmanager.run_alertmanager(tmp_path):
        pass
