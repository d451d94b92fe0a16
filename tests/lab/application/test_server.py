"""The stand-in application over HTTP: paths, envelopes, token, restarts."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from exporter.lab.application.dialects import ApplicationDialect, Envelope
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry
from tests.lab.application.telemetry_samples import DEPLOYED, DOCUMENTED, busy

TIMEOUT = 5


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application(busy()) as application:
        yield application


def get(application: Application, procedure: str, **options: Any) -> requests.Response:
    return requests.get(f"{application.url}/metrics.{procedure}", timeout=TIMEOUT, **options)


@pytest.mark.parametrize("dialect", list(ApplicationDialect))
@pytest.mark.parametrize(
    ("envelope", "path"),
    [(Envelope.BARE, ()), (Envelope.DATA, ("result", "data")), (Envelope.JSON, ("result", "data", "json"))],
)
def test_envelopes_over_http(application, dialect, envelope, path):
    """The same response in each envelope."""
    application.dialect, application.envelope = dialect, envelope
    answer = get(application, "getFallbacks").json()
    for step in path:
        assert set(answer) == {step}
        answer = answer[step]
    expected = DOCUMENTED if dialect is ApplicationDialect.DOCUMENTED else DEPLOYED
    assert answer["layer2Activations"] == expected["getFallbacks"]["layer2Activations"]
    assert set(answer) == set(expected["getFallbacks"])


def test_each_application_has_its_own_path(application):
    """/api/trpc when documented, /trpc when deployed, and 404 at the other's."""
    application.dialect = ApplicationDialect.DOCUMENTED
    assert application.url.endswith("/api/trpc")
    application.dialect, other = ApplicationDialect.DEPLOYED, application.url
    assert application.url.endswith(f":{application.port}/trpc")
    assert requests.get(f"{other}/metrics.getFSM", timeout=TIMEOUT).status_code == 404


def test_an_unknown_procedure_is_a_trpc_error(application):
    """404 with an error envelope."""
    application.envelope = Envelope.JSON
    response = get(application, "getNothing")
    assert response.status_code == 404
    assert response.json()["error"]["json"]["data"] == {"code": "NOT_FOUND", "httpStatus": 404}


def test_a_bearer_token_is_needed():
    """Status 401 without it, or with another one."""
    with Application(Telemetry(), token="s3cret") as application:
        assert get(application, "getFSM").status_code == 401
        assert get(application, "getFSM", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert get(application, "getFSM", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_a_stopped_application_refuses_and_comes_back_on_the_same_port():
    """New connections are refused, and open ones are closed."""
    with Application(Telemetry()) as application, requests.Session() as session:
        url = f"{application.url}/metrics.getFSM"
        assert session.get(url, timeout=TIMEOUT).status_code == 200
        application.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=TIMEOUT)
        application.start()
        assert session.get(url, timeout=TIMEOUT).status_code == 200
