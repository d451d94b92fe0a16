"""The collectors of a configuration under their schedule."""

import threading

from exporter.config.settings import Config, DatabaseSettings, WatchSettings
from exporter.core.types import Seconds, Secret
from exporter.sampling.sampler import Sampler


def test_every_collector_runs_until_it_is_stopped(tmp_path):
    """At once after the start; stopping again does no harm."""
    database = DatabaseSettings(dsn=Secret("postgresql://u@127.0.0.1:1/x"), connect_timeout=Seconds(1))
    config = Config(database=database, watch=WatchSettings(state_dir=tmp_path))
    ran, names = threading.Condition(), set[str]()

    def finished(run, *_: object) -> None:
        with ran:
            names.add(run.collector)
            ran.notify()

    sampler = Sampler(config, finished)
    sampler.start()
    with ran:
        assert ran.wait_for(lambda: len(names) == len(sampler.store.states()), 20)
    sampler.stop()
    sampler.stop()
