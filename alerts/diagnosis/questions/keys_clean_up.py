"""Does the clean-up of expired keys run?"""

from alerts.diagnosis.cron import Answer, clean_up
from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources

__all__ = ["Answer", "ask"]


def ask(sources: Sources) -> Evidence:
    """Its job in pg_cron."""
    return clean_up(sources, "cleanup_expired_idempotency_keys")
