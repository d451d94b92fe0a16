"""Puts simulated scrapes into a Prometheus, fast: a month holds millions of samples."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import islice

from tests import webtools
from tests.alerts.promql import remotewrite
from tests.alerts.simulation import Labels, Sample, Scrape

_double = struct.Struct("<d").pack


class _Request:
    """A write request under way. Series keep their place from scrape to scrape, so that few are looked up."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Labels], list[bytes]] = {}
        self._order: list[tuple[str, Labels, list[bytes]]] = []

    def add(self, at: float, samples: list[Sample]) -> None:
        time = b"\x10" + remotewrite._varint(round(at * 1000))
        head = b"\x12" + remotewrite._varint(9 + len(time)) + b"\x09"
        if not self._in_order(samples):
            before = {(metric, labels) for metric, labels, _ in self._order}
            self._order = [(m, labels, self._rows.setdefault((m, labels), [])) for m, labels, _ in samples]
            for gone in before - {(metric, labels) for metric, labels, _ in self._order}:
                self._rows[gone].append(head + remotewrite.STALE + time)
        for (_, _, row), (_, _, value) in zip(self._order, samples, strict=True):
            row.append(head + _double(value) + time)

    def _in_order(self, samples: list[Sample]) -> bool:
        return len(samples) == len(self._order) and all(
            metric is known and labels is known_labels
            for (known, known_labels, _), (metric, labels, _) in zip(self._order, samples, strict=True)
        )

    def body(self) -> bytes:
        """Everything since the last time, as the protocol wants it."""
        series = []
        for (metric, labels), row in self._rows.items():
            pairs = sorted((*labels, ("__name__", metric)))
            named = b"".join(
                remotewrite._field(1, remotewrite._field(1, k.encode()) + remotewrite._field(2, v.encode()))
                for k, v in pairs
            )
            series.append(remotewrite._field(1, named + b"".join(row)))
            row.clear()
        return remotewrite._snappy(b"".join(series))


def backfill(url: str, scrapes: Iterable[Scrape], target: Labels, batch: int = 2880) -> None:
    """Write them as Prometheus would have kept them: `up` of the target, and stale markers, included."""
    request, remaining = _Request(), iter(scrapes)
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    while part := list(islice(remaining, batch)):
        for scrape in part:
            request.add(scrape.at, [*scrape.samples, ("up", target, float(bool(scrape.samples)))])
        answer = webtools.ask("POST", f"{url}/api/v1/write", data=request.body(), headers=headers)
        assert answer.status_code == 204, answer.text
