"""The configuration of the exporter in the demo."""

from pathlib import Path

from exporter.core.types import Seconds
from exporter.demo.configuration import configuration


def test_of_the_default_tables():
    """Every 5 seconds, with the application, on the loopback interface."""
    config = configuration("host=db", Path("/lab"), 1234, application="http://127.0.0.1:5")
    assert config.database.dsn.reveal() == "host=db"
    assert config.application is not None
    assert config.application.url == "http://127.0.0.1:5"
    assert config.outbox.profile is None
    assert config.sampling.interval == Seconds(5)
    assert str(config.web.listen) == "127.0.0.1:1234"
    assert config.watch.state_dir == Path("/lab/state")


def test_of_a_profile():
    """Without an application."""
    config = configuration("host=db", Path("/lab"), 0, profile="chancy")
    assert config.application is None
    assert config.outbox.mapping().table == "chancy_jobs"
