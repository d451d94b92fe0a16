"""Loads alerts/policy.yaml and applies a configuration: expressions without parameters, thresholds, inhibition.

The rule manager, the rule files and the dashboards take the policy from here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path

from alerts.model import Objective, Policy, Rule, RuleKey, Severity, Signal
from alerts.policy.check import check, override_error, threshold_unit
from alerts.policy.expressions import (
    BUDGET,
    JOB,
    OBJECTIVE,
    THRESHOLD,
    Dialect,
    expand_exact_increase,
    references,
    substitute_parameters,
)
from alerts.policy.file import (
    AlertEntry,
    ExpressionParameter,
    PolicyDocument,
    RecordingEntry,
    SeverityEntry,
    SourceText,
    read,
)
from alerts.policy.inhibition import inhibition_cycle
from alerts.policy.objective import least_bound
from exporter.config import yaml_file
from exporter.config.settings import AlertingSettings, Amount, Config, Override
from exporter.config.values import format_duration
from exporter.core.problems import Place, Problems
from exporter.outbox.mapping import DEFAULT

FILE = Path(__file__).parents[1] / "policy.yaml"
# The placeholder for an alert's name in the URL of its runbook. URLs contain no braces.
_ALERT = "{alert}"


def load_policy(  # noqa: PLR0913 - one parameter for each thing that a configuration changes
    overrides: Iterable[Override] = (),
    *,
    job: str = "outbox-exporter",
    jobs: Iterable[str] = (),
    time_scale: float = 1.0,
    interval: float | None = None,
    runbook: str = "",
    document: PolicyDocument | None = None,
    dialect: Dialect = Dialect.PROMQL,
    objective: Callable[[Objective], Objective] = lambda objective: objective,
    exhausted_apart: bool = False,
    is_other: bool = False,
) -> Policy:
    """The policy of a document, by default the shipped one, changed by a configuration.

    `jobs` are the scrape jobs of several outboxes, instead of `job`: what names a job is evaluated for each of them.
    `time_scale` multiplies every duration: windows, parameters, thresholds that are times, `for`, `keep_firing_for`.
    `interval` is an upper bound, seconds: rules are evaluated at least as often as the exporter samples.
    `objective` returns the latency objective that takes the place of the document's.
    `exhausted_apart`: exhausted jobs are not attempted any more, so that they are no backlog. `is_other`: it is for an
    outbox that is not in the default tables.
    `runbook` is the URL of a runbook with `{alert}` for the alert's name; empty when it is unknown.
    Raises: ConfigError with every invalid override.
    """
    document = document or _default_document()
    if exhausted_apart:
        document = replace(
            document,
            recordings=tuple(map(_with_exhausted_apart, document.recordings)),
            entries=tuple(
                replace(entry, description=entry.described_apart or entry.description) for entry in document.entries
            ),
        )
    if is_other:
        document = replace(document, entries=tuple(map(_of_other_outbox, document.entries)))
    if document.objective:
        document = replace(document, objective=objective(document.objective))
    builder = _PolicyBuilder(document, tuple(overrides), time_scale, dialect)
    return builder.policy(tuple(dict.fromkeys(jobs)) or (job,), interval, runbook)


def _with_exhausted_apart(recording: RecordingEntry) -> RecordingEntry:
    other = recording.exhausted_apart
    return recording if other is None else replace(recording, meaning=other.meaning, expr=other.expr)


def _of_other_outbox(entry: AlertEntry) -> AlertEntry:
    other = entry.other_outbox
    if other is None:
        return entry
    return replace(entry, summary=other.summary or entry.summary, description=other.description or entry.description)


def configured_policy(config: Config, *, jobs: Iterable[str] = (), dialect: Dialect = Dialect.PROMQL) -> Policy:
    """The policy for a configuration, without what its outbox cannot have. Raises: ConfigError."""
    alerting, mapping = config.alerting, config.outbox.mapping()
    load = partial(
        load_policy,
        alerting.thresholds if mapping == DEFAULT else _other_overrides(config),
        job=alerting.job,
        jobs=tuple(jobs),
        time_scale=alerting.time_scale,
        interval=config.sampling.interval,
        runbook=_runbook(config),
        objective=partial(_configured_objective, alerting),
        exhausted_apart=mapping.has_exhausted,
        is_other=mapping != DEFAULT,
    )
    policy = load(dialect=dialect)
    if mapping == DEFAULT:
        return policy  # it has all metrics
    # Not imported above: it needs the parser of PromQL, which the default tables' rule files do not.
    found: Policy = import_module("alerts.policy.left_out").without_unknown(policy, load(), config)
    return found


def _other_overrides(config: Config) -> tuple[Override, ...]:
    # Not imported above: it reads profiles, of which few configurations have one.
    found: tuple[Override, ...] = import_module("alerts.policy.retention").overrides(config)
    return found


def _configured_objective(alerting: AlertingSettings, objective: Objective) -> Objective:
    time, target = alerting.objective_time, alerting.objective_target
    if time is None and target is None:
        return objective
    source = f"this configuration; the policy says {objective.target:g} within {format_duration(objective.time)}"
    return replace(objective, time=time or objective.time, target=target or objective.target, source=source)


def runbook_file(base: str) -> str:
    """The URL for `load_policy` when the files of alerts/runbooks are served below `base`."""
    return f"{base}/{_ALERT}.md"


def _runbook(config: Config) -> str:
    if config.alerting.runbook_base_url:
        return runbook_file(config.alerting.runbook_base_url)
    return f"{config.web.external_url}/runbooks/{_ALERT}" if config.web.external_url else ""


def override_error_in_default_policy(override: Override) -> str | None:
    """The error of an override of the shipped policy; None when it is valid."""
    return override_error(override, _default_document())


def read_document(text: str, source: str) -> PolicyDocument:
    """Parse and check the text of a policy; `source` names it in errors.

    Raises: ConfigError with every error of syntax; without any, with every invalid name, reference or threshold;
    without any, with every unknown parameter of an expression.
    """
    problems = Problems()
    document = read(yaml_file.load(text, source, problems), problems)
    problems.check()
    check(document, problems)
    problems.check()
    load_policy(document=document)
    return document


@cache
def _default_document() -> PolicyDocument:
    """The shipped policy. Tests check its names, references and thresholds, so that a start need not."""
    problems = Problems()
    document = read(yaml_file.load(FILE.read_text("utf-8"), FILE.name, problems, own=True), problems)
    problems.check()
    return document


class _PolicyBuilder:
    """Builds the policy from a document without errors of syntax."""

    def __init__(
        self, document: PolicyDocument, overrides: tuple[Override, ...], time_scale: float, dialect: Dialect
    ) -> None:
        self._document = document
        self._dialect = dialect
        self._time_scale = time_scale
        self._problems = Problems()
        self._all_overrides = overrides
        self._overrides = {(each.alert, each.severity): each for each in overrides}
        self._hiding_rules = tuple((_highest_severity(entry), entry.hides) for entry in document.entries if entry.hides)
        self._interval: float = document.interval
        self._jobs: tuple[str, ...] = ()
        self._runbook = ""

    def policy(self, jobs: tuple[str, ...], interval: float | None, runbook: str) -> Policy:
        """The whole policy; `interval` as in `load_policy`, seconds. Raises: ConfigError."""
        self._jobs, self._runbook = jobs, runbook
        self._interval = min(self._document.interval, interval or self._document.interval)
        for override in self._all_overrides:
            if wrong := override_error(override, self._document):
                self._problems.add(Place(f"alerting.thresholds.{override.alert}.{override.severity}"), wrong)
        policy = Policy(
            self._interval,
            jobs[0],
            tuple(self._signal(recording) for recording in self._document.recordings),
            tuple(self._rule(entry, level) for entry in self._document.entries for level in entry.levels),
            self._document.objective,
        )
        if found := inhibition_cycle(policy.rules):
            entry = next(entry for entry in self._document.entries if entry.name.text == found[0].alert)
            self._problems.add(entry.name.place, f"mutes itself: {' by '.join(map(str, found))}")
        self._problems.check()
        return policy

    def _signal(self, recording: RecordingEntry) -> Signal:
        expr = self._expr(recording.expr, self._amounts(recording.parameters))
        return Signal(recording.record.text, recording.unit, recording.meaning, expr, recording.outlets)

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
            runbook_url=self._runbook.replace(_ALERT, key.alert),
            hold_duration=self._time(level.hold_duration if override.hold_duration is None else override.hold_duration),
            keep_firing_for=self._time(entry.keep_firing_for),
            unit=threshold_unit(entry, self._document),
            signal=entry.signal.text if entry.signal else None,
            collectors=entry.collectors,
            muted_by=tuple(dict.fromkeys(self._inhibiting_rules(entry, level))),
            outlets=entry.outlets,
        )

    def _inhibiting_rules(self, entry: AlertEntry, level: SeverityEntry) -> Iterator[RuleKey]:
        """The rules that mute a rule: its own higher severities, its `muted_by`, and rules that hide its collectors."""
        order = list(Severity)
        for other in entry.levels:
            if order.index(other.severity) < order.index(level.severity):
                yield RuleKey(entry.name.text, other.severity)
        for source in entry.muted_by:
            yield RuleKey(source.alert.text, Severity(source.severity))
        for hiding_rule, hidden in self._hiding_rules:
            if set(hidden) & set(entry.collectors):
                yield hiding_rule

    def _expr(self, expr: SourceText, amounts: Mapping[str, Amount]) -> str:
        jobs = self._jobs if JOB in references([expr]) else self._jobs[:1]
        texts = [substitute_parameters(expr, amounts, job, self._problems) for job in jobs]
        text = texts[0] if len(texts) == 1 else " or ".join(f"({text})" for text in texts)
        return expand_exact_increase(text, self._interval, self._dialect)

    def _amounts(self, parameters: Iterable[ExpressionParameter]) -> dict[str, Amount]:
        amounts = {parameter.name.text: self._scaled(parameter.amount) for parameter in parameters}
        return self._objective_amounts() | amounts

    def _objective_amounts(self) -> dict[str, Amount]:
        """The time of the latency objective, scaled and then rounded up to a bucket's bound, and its error budget."""
        objective = self._document.objective
        if objective is None:
            return {}
        time = Amount(least_bound(self._time(objective.time)), is_time=True)
        return {OBJECTIVE: time, BUDGET: Amount(objective.budget)}

    def _scaled(self, amount: Amount) -> Amount:
        return Amount(self._time(amount.value), is_time=True) if amount.is_time else amount

    def _time(self, seconds: float) -> float:
        """A duration times `time_scale`, to the millisecond."""
        return round(seconds * self._time_scale, 3)


def _highest_severity(entry: AlertEntry) -> RuleKey:
    return RuleKey(entry.name.text, min((level.severity for level in entry.levels), key=list(Severity).index))


def _source(level: SeverityEntry, override: Override) -> str:
    if override.source:
        return override.source
    changed = [
        f"{name} {_show(amount)}"
        for name, configured, amount in (
            ("threshold", override.threshold, level.threshold),
            ("for", override.hold_duration, Amount(level.hold_duration, is_time=True)),
        )
        if configured is not None
    ]
    return f"this configuration; the policy says {', '.join(changed)}: {level.source}" if changed else level.source


def _show(amount: Amount) -> str:
    return format_duration(amount.value) if amount.is_time else f"{amount.value:g}"
