"""The outbox of the default tables. tests/end_to_end/test_demo_command.py runs it."""

from exporter.demo.default_outbox import DefaultOutbox
from exporter.outbox.mapping import DEFAULT


def test_the_default_tables():
    """With the faults of the lab and their descriptions."""
    outbox = DefaultOutbox()
    assert outbox.mapping == DEFAULT
    assert len(outbox.faults) == 8
    assert outbox.faults["processor-stalled"] == "the processor hangs; it reports to be alive and processes no job"
