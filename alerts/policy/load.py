"""The policy with a configuration's wishes: complete expressions, thresholds in numbers, who mutes whom.

alerts/policy.yaml says what is judged and why. Whatever judges, notifies or draws takes it from here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alerts.model import Policy, Rule, RuleKey, Severity, Signal
from alerts.policy.check import check, override_error, threshold_unit
from alerts.policy.expressions import THRESHOLD, substitute_parameters
from alerts.policy.file import (
    AlertEntry,
    ExpressionParameter,
    PolicyDocument,
    RecordingEntry,
    SeverityEntry,
    SourceText,
    read,
)
from alerts.policy.increases import expand_exact_increase
from alerts.policy.inhibition import inhibition_cycle
from exporter.config import yaml_file
from exporter.config.settings import Amount, Config, Override
from exporter.config.values import format_duration
from exporter.core.problems import Place, Problems

FILE = Path(__file__).parents[1] / "policy.yaml"
# Stands for an alert's name in the address of its runbook. No URL holds braces.
_ALERT = "{alert}"

_DEFAULT_JOB = "outbox-exporter"


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """What a configuration changes.

    `time_scale` multiplies every duration: windows, parameters, thresholds that are times, `for`, `keep_firing_for`.
    `interval` is an upper bound, seconds: rules are evaluated at least as often as the exporter samples.
    `runbook` is the address of a runbook with `{alert}` for the alert's name; empty when nobody knows it.
    """

    overrides: tuple[Override, ...] = ()
    job: str = _DEFAULT_JOB
    time_scale: float = 1.0
    interval: float | None = None
    runbook: str = ""


def load_policy(
    overrides: Iterable[Override] = (),
    *,
    job: str = _DEFAULT_JOB,
    time_scale: float = 1.0,
    interval: float | None = None,
    runbook: str = "",
) -> Policy:
    """The policy as shipped, with these wishes; see `Wishes`. Raises: ConfigError with every override that is wrong."""
    return build(_default_document(), PolicyOptions(tuple(overrides), job, time_scale, interval, runbook))


def configured_policy(config: Config) -> Policy:
    """The policy that a configuration asks for. Raises: ConfigError."""
    options = config.alerting
    return load_policy(
        options.thresholds,
        job=options.job,
        time_scale=options.time_scale,
        interval=config.sampling.interval,
        runbook=_runbook(config),
    )


def runbook_file(base: str) -> str:
    """The address of a runbook, for `Wishes`, where the files of alerts/runbooks are read at `base`."""
    return f"{base}/{_ALERT}.md"


def _runbook(config: Config) -> str:
    if config.alerting.runbook_base_url:
        return runbook_file(config.alerting.runbook_base_url)
    return f"{config.web.external_url}/runbooks/{_ALERT}" if config.web.external_url else ""


def override_error_in_default_policy(override: Override) -> str | None:
    """What is wrong with an override of the shipped policy, or None."""
    return override_error(override, _default_document())


def read_document(text: str, source: str) -> PolicyDocument:
    """A policy's text as entries, known to be right whatever is wished.

    Raises: ConfigError with every mistake of form; without any, with every name that leads nowhere and the like;
    without any, with every reference in an expression that does.
    """
    problems = Problems()
    document = read(yaml_file.load(text, source, problems), problems)
    problems.check()
    check(document, problems)
    problems.check()
    build(document, PolicyOptions())
    return document


def build(document: PolicyDocument, options: PolicyOptions) -> Policy:
    """The document with these wishes. Raises: ConfigError."""
    return _PolicyBuilder(document, options).policy()


@cache
def _default_document() -> PolicyDocument:
    return read_document(FILE.read_text("utf-8"), FILE.name)


class _PolicyBuilder:
    """Puts a policy together from a document without mistakes of form."""

    def __init__(self, document: PolicyDocument, options: PolicyOptions) -> None:
        self._document = document
        self._options = options
        self._problems = Problems()
        self._interval = min(document.interval, options.interval or document.interval)
        self._overrides = {(each.alert, each.severity): each for each in options.overrides}
        self._hiding_rules = tuple((_highest_severity(entry), entry.hides) for entry in document.entries if entry.hides)

    def policy(self) -> Policy:
        """All of it. Raises: ConfigError."""
        for override in self._options.overrides:
            if wrong := override_error(override, self._document):
                self._problems.add(Place(f"alerting.thresholds.{override.alert}.{override.severity}"), wrong)
        policy = Policy(
            self._interval,
            self._options.job,
            tuple(self._signal(recording) for recording in self._document.recordings),
            tuple(self._rule(entry, level) for entry in self._document.entries for level in entry.levels),
        )
        if found := inhibition_cycle(policy.rules):
            entry = next(entry for entry in self._document.entries if entry.name.text == found[0].alert)
            self._problems.add(entry.name.place, f"explains itself: {' by '.join(map(str, found))}")
        self._problems.check()
        return policy

    def _signal(self, recording: RecordingEntry) -> Signal:
        expr = self._expr(recording.expr, self._amounts(recording.parameters))
        return Signal(recording.record.text, recording.unit, recording.meaning, expr)

    def _rule(self, entry: AlertEntry, level: SeverityEntry) -> Rule:
        key = RuleKey(entry.name.text, level.severity)
        override = self._overrides.get((key.alert, key.severity.value), Override(key.alert, key.severity.value))
        threshold = self._scaled(override.threshold or level.threshold)
        amounts = self._amounts(entry.parameters) | {THRESHOLD: threshold}
        exprs = [entry.expr, level.condition] if level.condition else [entry.expr]
        parts = [self._expr(expr, amounts) for expr in exprs]
        return Rule(
            key=key,
            group=entry.group,
            expr=parts[0] if len(parts) == 1 else " and ".join(f"({part})" for part in parts),
            threshold=threshold.value,
            source=_source(level, override),
            summary=entry.summary,
            description=entry.description,
            runbook_url=self._options.runbook.replace(_ALERT, key.alert),
            hold_duration=self._time(level.hold_duration if override.hold_duration is None else override.hold_duration),
            keep_firing_for=self._time(entry.keep_firing_for),
            unit=threshold_unit(entry, self._document),
            signal=entry.signal.text if entry.signal else None,
            collectors=entry.collectors,
            muted_by=tuple(dict.fromkeys(self._inhibiting_rules(entry, level))),
            outlets=entry.outlets,
        )

    def _inhibiting_rules(self, entry: AlertEntry, level: SeverityEntry) -> Iterator[RuleKey]:
        """An alert's own graver severities, what it names itself, and what hides the data that it is judged by."""
        order = list(Severity)
        for other in entry.levels:
            if order.index(other.severity) < order.index(level.severity):
                yield RuleKey(entry.name.text, other.severity)
        for target in entry.muted_by:
            yield RuleKey(target.alert.text, Severity(target.severity))
        for hider, hidden in self._hiding_rules:
            if set(hidden) & set(entry.collectors):
                yield hider

    def _expr(self, expr: SourceText, amounts: Mapping[str, Amount]) -> str:
        return expand_exact_increase(
            substitute_parameters(expr, amounts, self._options.job, self._problems), self._interval
        )

    def _amounts(self, parameters: Iterable[ExpressionParameter]) -> dict[str, Amount]:
        return {parameter.name.text: self._scaled(parameter.amount) for parameter in parameters}

    def _scaled(self, amount: Amount) -> Amount:
        return Amount(self._time(amount.value), is_time=True) if amount.is_time else amount

    def _time(self, seconds: float) -> float:
        """To the millisecond, as durations are written."""
        return round(seconds * self._options.time_scale, 3)


def _highest_severity(entry: AlertEntry) -> RuleKey:
    return RuleKey(entry.name.text, min((level.severity for level in entry.levels), key=list(Severity).index))


def _source(level: SeverityEntry, override: Override) -> str:
    changed = [
        f"{name} {_show(amount)}"
        for name, ours, amount in (
            ("threshold", override.threshold, level.threshold),
            ("for", override.hold_duration, Amount(level.hold_duration, is_time=True)),
        )
        if ours is not None
    ]
    return f"this configuration; the policy says {', '.join(changed)}: {level.source}" if changed else level.source


def _show(amount: Amount) -> str:
    return format_duration(amount.value) if amount.is_time else f"{amount.value:g}"
