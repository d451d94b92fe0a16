"""Did the last reload of the running exporter succeed?"""

from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources


class Answer(StrEnum):
    """Whether it uses the configuration that was read last."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


def ask(sources: Sources) -> Evidence:
    """From its status. The configuration itself is valid: a command with an invalid one ends before."""
    succeeded = sources.exporter.document.get("config_reload_successful")
    if succeeded is None:
        reason = sources.exporter.problem or "its status needs TLS or credentials"
        return Evidence(None, f"the exporter at {sources.config.web.listen}: {reason}")
    if succeeded:
        return Evidence(Answer.SUCCEEDED, "the running exporter uses the configuration that it read last")
    return Evidence(
        Answer.FAILED, "the last reload failed; the configuration file and the secrets that it names are valid now"
    )
