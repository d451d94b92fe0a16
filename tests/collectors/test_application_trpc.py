"""The application collector against a real tRPC server, as npm ships it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.application.endpoints import ENDPOINTS
from exporter.collectors.application import ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.errors import Reason
from exporter.core.types import Seconds, Url
from exporter.metrics.readings import CollectorOutcome
from tests.application.samples import DIALECTS, DOCUMENTED
from tests.collectors.application_helpers import BATCH_PATH, values
from tests.node import node_with_packages

SERVER = Path(__file__).parent.parent / "trpc"
# For operations that take a fraction of a second on an idle machine.
TIMEOUT = 30
WRONG_URL = "check application.url, it ends where /metrics.<procedure> begins"


@pytest.fixture(scope="module")
def node() -> Path:
    """Node with the server's packages beside it, exactly those of the lock file."""
    return node_with_packages(SERVER)


@contextmanager
def serving(
    node: Path, transformer: str, payloads: dict[str, Any], request_paths: list[str] | None = None
) -> Iterator[str]:
    """The base URL of a tRPC server whose procedures answer with these payloads; `request_paths` gets the paths."""
    command: list[str | Path] = [node, SERVER / "server.mjs", transformer]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps(payloads), file=process.stdin, flush=True)
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/trpc"
        process.stdin.close()
        if request_paths is not None:
            request_paths.extend(process.stdout.read().split())
        assert process.wait(TIMEOUT) == 0


def collect(url: str) -> CollectorOutcome:
    """One sample."""
    return ApplicationCollector(ApplicationSettings(Url(url), timeout=Seconds(TIMEOUT))).collect()


@pytest.mark.parametrize("transformer", ["plain", "superjson"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_real_server_is_understood(node, dialect, transformer):
    """Both dialects, with the transformer and without, Dates and all: four endpoints up, all asked in one request."""
    request_paths: list[str] = []
    with serving(node, transformer, DIALECTS[dialect], request_paths) as url:
        outcome = collect(url)
    assert request_paths == [BATCH_PATH]
    assert outcome.failures == ()
    found = values(outcome)
    assert all(found[f"outbox_app_up {endpoint}"] == 1 for endpoint in ENDPOINTS)
    assert found["outbox_app_fsm_failure_ratio"] == pytest.approx(0.002)
    assert found["outbox_app_fsm_init_duration_avg_seconds"] == pytest.approx(0.085)
    assert found["outbox_app_pending_jobs"] == 5
    assert found["outbox_app_fallback_activations_total 3"] == 1
    assert found.get("outbox_app_last_processed_timestamp_seconds") == (1763460001.5 if dialect == "deployed" else None)


@pytest.mark.parametrize("transformer", ["plain", "superjson"])
def test_real_errors_are_understood(node, transformer):
    """A procedure that throws and one that does not exist: their codes, their messages, and no stack trace."""
    payloads = {name: payload for name, payload in DOCUMENTED.items() if name != "getOutbox"}
    with serving(node, transformer, {**payloads, "getFSM": {"throws": "FSM metrics unavailable"}}) as url:
        outcome = collect(url)
    assert {(failure.reason, failure.message) for failure in outcome.failures} == {
        (Reason.HTTP, "getFSM: HTTP 500: INTERNAL_SERVER_ERROR FSM metrics unavailable"),
        (
            Reason.HTTP,
            f'getOutbox: HTTP 404 ({WRONG_URL}): NOT_FOUND No procedure found on path "metrics.getOutbox"',
        ),
    }
    assert values(outcome)["outbox_app_healthy"] == 1


@pytest.mark.parametrize("path", ["", "/api/trpc"])
def test_wrong_base_is_named(node, path):
    """The document's /api/trpc where the deployed /trpc is served: four failures that point at the setting."""
    with serving(node, "plain", DOCUMENTED) as url:
        outcome = collect(url.removesuffix("/trpc") + path)
    assert [failure.reason for failure in outcome.failures] == [Reason.HTTP] * 4
    assert all(WRONG_URL in failure.message for failure in outcome.failures)
