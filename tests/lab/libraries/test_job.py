"""What a job of the lab does."""

import pytest

from exporter.lab.libraries import job


def test_how_attempts_end(capsys):
    """As the outcome says; each writes a line."""
    for _ in range(20):
        job.finish("succeed")
        with pytest.raises(job.JobFailedError):
            job.finish("fail")
    ends = {_fails("flaky") for _ in range(60)}
    assert ends == {True, False}
    assert set(capsys.readouterr().out.splitlines()) == {"an attempt has ended"}


def test_an_attempt_is_short():
    """20 to 200 ms."""
    assert all(0.02 <= job.duration() <= 0.2 for _ in range(100))


def _fails(outcome: str) -> bool:
    try:
        job.finish(outcome)
    except job.JobFailedError:
        return True
    return False
