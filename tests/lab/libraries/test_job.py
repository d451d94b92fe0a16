"""What a job of the lab does."""

import time

import pytest

from exporter.lab.libraries import job


def test_how_attempts_end(capsys):
    """They fail until the time of the job; each writes a line."""
    job.finish(0.0)
    job.finish(time.time())
    with pytest.raises(job.JobFailedError):
        job.finish(time.time() + 60)
    with pytest.raises(job.JobFailedError):
        job.finish(4_102_444_800.0)
    assert capsys.readouterr().out == "an attempt has ended\n" * 4


def test_an_attempt_is_short():
    """20 to 200 ms."""
    assert all(0.02 <= job.duration() <= 0.2 for _ in range(100))
