"""The documented defaults."""

from dataclasses import asdict

from exporter.config.settings import ApplicationSettings, Config
from exporter.core.types import Url


def test_defaults():
    """Durations in seconds."""
    config = Config()
    assert config.application is None
    assert asdict(config.sampling) == {
        "interval": 15,
        "budget_ratio": 0.01,
        "rows_per_second": 125,
        "max_interval": 600,
        "count_limit": 1_000_000,
        "exhausted_attempts": 5,
        "label_limit": 20,
    }
    database = asdict(config.database)
    del database["dsn"]
    assert database == {
        "password": None,
        "schema": "public",
        "connect_timeout": 3,
        "statement_timeout": 5,
        "lock_timeout": 0.5,
        "timestamp_zone": None,
        "max_replay_lag": 60,
    }
    assert (config.web.listen, config.web.enable_reload) == ("0.0.0.0:9721", False)
    assert config.web.reload_on_change is False
    assert (config.watch.duration, config.watch.start, str(config.watch.state_dir)) == (86_400.0, "manual", "state")
    assert (config.alerting.job, config.alerting.time_scale) == ("outbox-exporter", 1.0)
    assert config.alerting.pagerduty_url == "https://events.pagerduty.com/v2/enqueue"
    assert (config.alerting.objective_time, config.alerting.objective_target) == (None, None)
    assert (config.alerting.drill, config.alerting.drill_severity) == (None, "page")
    assert (config.log.level, config.log.format) == ("info", "text")


def test_defaults_of_the_application():
    """A whole answer within 5 s and a megabyte."""
    application = ApplicationSettings(url=Url("http://localhost:3000"))
    assert (application.timeout, application.max_bytes, application.bearer_token) == (5.0, 1_000_000, None)
