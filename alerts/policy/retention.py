"""How long processed jobs are kept in an outbox that is not the default one: the threshold of OutboxRetentionOverdue.

That of alerts/policy.yaml follows from the clean-up of the default tables. A profile has the retention of its library,
where the library removes processed jobs by itself. Otherwise the rule is left out, unless the configuration has a
threshold.
"""

from dataclasses import replace
from typing import Final

from alerts.model import RuleKey, Severity
from alerts.policy.outbox_section import profile_of
from exporter.config import values
from exporter.config.settings import Amount, Config, Override

RULE: Final = RuleKey("OutboxRetentionOverdue", Severity.TICKET)
_UNSAID: Final = "the mapping does not say how long processed jobs are kept"
_REMEDY: Final = "alerting.thresholds sets a limit"


def overrides(config: Config) -> tuple[Override, ...]:
    """The configured changes of rules, with the retention of the library where they have no threshold for it."""
    configured = config.alerting.thresholds
    profile = profile_of(config)
    if profile is None or not profile.retention.threshold:
        return configured
    own = next((each for each in configured if _is_its(each)), Override(RULE.alert, RULE.severity.value))
    if own.threshold is None:
        threshold = Amount(values.duration(profile.retention.threshold), is_time=True)
        own = replace(own, threshold=threshold, source=profile.retention.source)
    return (*(each for each in configured if not _is_its(each)), own)


def reason_without(config: Config) -> str:
    """Why there is no threshold; empty when there is one."""
    if config.outbox.profile == "default" or any(
        _is_its(each) and each.threshold for each in config.alerting.thresholds
    ):
        return ""
    profile = profile_of(config)
    if profile is None:
        return f"{_UNSAID}; {_REMEDY}"
    return "" if profile.retention.threshold else f"{profile.retention.reason or _UNSAID}; {_REMEDY}"


def _is_its(override: Override) -> bool:
    return (override.alert, override.severity) == (RULE.alert, RULE.severity.value)
