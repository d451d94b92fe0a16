"""The outbox of a profile. tests/end_to_end/test_demo_profiles.py runs it."""

import pytest

from exporter.core.errors import ConfigError
from exporter.demo.profile_outbox import ProfileOutbox
from exporter.lab.libraries import known


def test_a_profile():
    """Its mapping, what is started, and its faults."""
    outbox = ProfileOutbox("pgqueuer")
    assert outbox.mapping.table == "pgqueuer"
    assert outbox.parts == "PgQueuer with its tables, traffic and a worker"
    assert list(outbox.faults) == ["worker-stopped", "poison-jobs"]


@pytest.mark.parametrize("name", ["pg-boss", "river", "gremlins"])
def test_other_profiles_are_refused(name):
    """In one sentence, which names those that work: npm's, those of published schemas, unknown ones."""
    works = "chancy, django-outbox-pattern, pgqueuer, procrastinate"
    with pytest.raises(ConfigError) as refused:
        ProfileOutbox(name)
    assert refused.value.problems == (f"--profile {name}: the demo runs the libraries of the profiles {works} only",)


def test_a_library_that_is_not_installed(monkeypatch):
    """The command that installs it."""
    monkeypatch.setattr(known, "find_spec", lambda name: None if name == "asyncpg" else object())
    with pytest.raises(ConfigError) as refused:
        ProfileOutbox("pgqueuer")
    assert refused.value.problems == ("--profile pgqueuer needs asyncpg: pip install 'outbox-exporter[demo-profiles]'",)
    ProfileOutbox("procrastinate")
