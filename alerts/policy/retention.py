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
    profile, own = profile_of(config), _configured(config)
    if profile is None or not profile.retention.threshold or own.threshold:
        return config.alerting.thresholds
    threshold = Amount(values.duration(profile.retention.threshold), is_time=True)
    others = (each for each in config.alerting.thresholds if each is not own)
    return (*others, replace(own, threshold=threshold, source=profile.retention.source))


def reason_without(config: Config) -> str:
    """Why there is no threshold; empty when there is one."""
    if config.outbox.profile == "default" or _configured(config).threshold:
        return ""
    profile = profile_of(config)
    if profile and profile.retention.threshold:
        return ""
    reason = profile.retention.reason if profile else ""
    return f"{reason or _UNSAID}; {_REMEDY}"


def _configured(config: Config) -> Override:
    """The change of the rule in the configuration; one that changes nothing where there is none."""
    none = Override(RULE.alert, RULE.severity.value)
    found = (each for each in config.alerting.thresholds if (each.alert, each.severity) == (none.alert, none.severity))
    return next(found, none)
