"""Does the clean-up of processed jobs run?"""

from alerts.diagnosis.cron import Answer, clean_up
from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources

__all__ = ["Answer", "ask"]


def ask(sources: Sources) -> Evidence:
    """Its job in pg_cron."""
    return clean_up(sources, "cleanup_old_outbox_entries")
