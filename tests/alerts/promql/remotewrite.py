"""Puts samples into a Prometheus as its own scrapes would, stale markers included: its remote-write protocol.

A request is a protocol buffer (prometheus/prometheus, prompb/remote.proto) in snappy's block format, of which the
uncompressed half is enough for us.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import requests

from alerts.model import Labels

# The bits that mean "this series has ended" among all those that mean "no number".
STALE: Final = struct.pack("<Q", 0x7FF0000000000002)
# The longest literal that a two-byte length of snappy's describes.
_LITERAL: Final = 1 << 16


@dataclass(slots=True)
class Written:
    """One series, its name among its labels; times in milliseconds, in order; None where it was found to be gone."""

    labels: Labels
    samples: list[tuple[int, float | None]] = field(default_factory=list)


def write(url: str, series: Iterable[Written]) -> None:
    """Sends all samples at once: Prometheus refuses samples that are much older than its newest."""
    body = _snappy(b"".join(_field(1, _series(each)) for each in series))
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{url}/api/v1/write", data=body, headers=headers, timeout=30)
    assert answer.status_code == 204, answer.text


def _series(each: Written) -> bytes:
    labels = b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in each.labels)
    return labels + b"".join(_field(2, _sample(time, value)) for time, value in each.samples)


def _sample(time: int, value: float | None) -> bytes:
    bits = STALE if value is None else struct.pack("<d", value)
    return b"\x09" + bits + b"\x10" + _varint(time)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _snappy(content: bytes) -> bytes:
    pieces: Sequence[bytes] = [content[start : start + _LITERAL] for start in range(0, len(content), _LITERAL)]
    literals = (b"\xf4" + struct.pack("<H", len(piece) - 1) + piece for piece in pieces)
    return _varint(len(content)) + b"".join(literals)
