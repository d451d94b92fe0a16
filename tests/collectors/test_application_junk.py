"""Whatever comes over the line is an outcome."""

import random

import pytest

from exporter.application.endpoints import ENDPOINTS
from exporter.core.errors import Reason
from tests.collectors.application_helpers import collector, up
from tests.collectors.faulty_responses import ERROR, PAYLOAD
from tests.collectors.hostile import application, gzipped, head, raw

ANSWERS = (
    head(content_length=len(PAYLOAD)) + PAYLOAD,
    head(transfer_encoding="chunked") + f"{len(PAYLOAD):x}\r\n".encode() + PAYLOAD + b"\r\n0\r\n\r\n",
    head("302 Found", location="/trpc/metrics.getOutbox", content_length=0),
    head("302 Found", location="http://127.0.0.1:1/x?y=z#f", content_length=0),
    head(content_encoding="gzip", content_length=len(gzipped(PAYLOAD))) + gzipped(PAYLOAD),
    head("500 Oops", set_cookie="a=b; Domain=localhost", content_length=len(ERROR)) + ERROR,
)


NOISE = (b"\x00", b"\r\n", b"\n", b":", b" ", b"\xff", b"-1", b"[", b"//", b"9" * 20)


def damaged(randomness: random.Random, answer: bytes) -> bytes:
    """An answer after a few accidents on the line, most of them in its head."""
    result = bytearray(answer)
    for _ in range(randomness.randint(1, 4)):
        place = randomness.randrange(min(len(result), randomness.choice((120, len(result)))))
        noise = randomness.choice(
            (b"\x00", b"\r\n", b"\n", b":", b" ", b"\xff", b"-1", b"[", b"//", b"99999999999999999999")
        )
        result[place : place + randomness.randint(0, 3)] = noise
    return bytes(result)


@pytest.mark.parametrize("seed", range(4))
def test_every_response_is_an_outcome(seed):
    """Hundreds of damaged answers: never an exception, always four endpoints, each down one with its reason."""
    randomness = random.Random(seed)
    with application() as server:
        watching = collector(server, timeout=0.2)
        for _ in range(60):
            for endpoint in ENDPOINTS:
                answer = damaged(randomness, randomness.choice(ANSWERS))
                server.behaviours[f"/trpc/metrics.{endpoint}"] = raw(answer)
            outcome = watching.collect()
            down = {endpoint for endpoint, value in up(outcome).items() if value == 0}
            blamed = {failure.message.partition(":")[0] for failure in outcome.failures}
            assert set(up(outcome)) == set(ENDPOINTS)
            assert down <= blamed
            assert Reason.INTERNAL not in {failure.reason for failure in outcome.failures}
