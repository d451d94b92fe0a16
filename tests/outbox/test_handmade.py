"""Outboxes that no library made: every value of a mapping written with care, or the refusal with its reason.

`handmade/NAME.yaml` has, for the database of `handmade/NAME.sql`, a `mapping` and the `expected` values; or a
`refusal`, which is the reason for which no mapping can be proposed. Then `refused` has a mapping that the exporter does
not accept, with its message, and `instead` what a person who knows more would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.outbox.published import loaded, published

FOLDER: Final = Path(__file__).parent / "handmade"
CASES: Final[dict[str, dict[str, Any]]] = {
    file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.yaml"))
}
MAPPED: Final = [name for name, case in CASES.items() if "mapping" in case.get("instead", case)]
REFUSED: Final = [name for name, case in CASES.items() if "refused" in case]


def test_each_database_has_a_mapping_or_a_reason():
    assert CASES.keys() == {file.stem for file in FOLDER.glob("*.sql")}
    assert len(CASES) == 16
    for name, case in CASES.items():
        assert ("mapping" in case) != ("refusal" in case), name
        assert not {"refused", "instead"} & case.keys() or "refusal" in case, name


@pytest.mark.parametrize("name", MAPPED)
def test_values(embedded: Any, name: str):
    """Every gauge about the rows, present and absent."""
    case = CASES[name].get("instead", CASES[name])
    with loaded(embedded, FOLDER / f"{name}.sql") as database:
        found = published(database, case["mapping"], case.get("timestamp_zone"))
    assert not found.failures
    assert found.values == pytest.approx({"outbox_pending_jobs_truncated": 0, **case["expected"]}, rel=1e-9)


@pytest.mark.parametrize("name", REFUSED)
def test_a_mapping_that_could_not_be_true_is_refused(embedded: Any, name: str):
    refused = CASES[name]["refused"]
    with loaded(embedded, FOLDER / f"{name}.sql") as database:
        found = published(database, refused["mapping"])
    assert not found.values
    assert found.failures
    assert all(message.startswith(refused["message"]) for message in found.failures)
