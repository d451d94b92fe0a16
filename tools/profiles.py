"""The table of profiles in docs/any-outbox.md, and a section for each; `make generate` writes them."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from string import ascii_lowercase

from exporter.metrics import catalogue as c
from exporter.metrics.availability import unknown_metrics
from exporter.metrics.catalogue import Metric
from exporter.outbox import profiles
from exporter.outbox.mapping import DEFAULT, OutboxMapping
from exporter.outbox.profiles import Profile

PAGE = Path(__file__).parent.parent / "docs" / "any-outbox.md"
BEGIN, END = "<!-- profiles: written by tools/profiles.py -->", "<!-- end of profiles -->"
TESTED = {"library": "the library", "schema": "its published schema"}
# Each signal with a metric that stands for it.
SIGNALS: tuple[tuple[str, Metric], ...] = (
    ("Backlog", c.PENDING_JOBS),
    ("Age", c.OLDEST_PENDING),
    ("Scheduled", c.SCHEDULED_JOBS),
    ("Running", c.RUNNING_JOBS),
    ("By queue", c.QUEUE_PENDING_JOBS),
    ("Processed, last hour", c.LAST_HOUR_PROCESSED),
    ("Processing time", c.PROCESSING_TIME),
    ("Failure ratio", c.LAST_HOUR_FAILURE_RATIO),
    ("Created, unaccounted", c.CREATED_JOBS),
)
_NO_EXHAUSTED = "the rows do not tell which jobs are given up: `sampling.exhausted_attempts` decides, or none are"


def text() -> str:
    """The table, the reasons it refers to, and a section for each profile."""
    found = [(profile.title, profile.mapping) for profile in map(profiles.load, profiles.names())]
    rows = [("The default tables", DEFAULT), *found]
    reasons = _Reasons()
    table = [_row(title, mapping, reasons) for title, mapping in rows]
    head = ["Outbox", *(name for name, _ in SIGNALS), "Exhausted"]
    return "\n".join(
        [
            _line(head),
            _line(["---"] * len(head)),
            *table,
            "",
            *(f"- **{letter}**: {reason}" for reason, letter in reasons.letters.items()),
            *(line for name in profiles.names() for line in _section(profiles.load(name))),
        ]
    )


def with_tables(page: str) -> str:
    """docs/any-outbox.md with the profiles of today. Raises: ValueError when a marker is missing."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"docs/any-outbox.md lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text()}\n{END}{after}"


class _Reasons:
    """Why signals are absent, each with a letter, in their order."""

    def __init__(self) -> None:
        self.letters: dict[str, str] = {}

    def letter(self, reason: str) -> str:
        return self.letters.setdefault(reason, ascii_lowercase[len(self.letters)])


def _row(title: str, mapping: OutboxMapping, reasons: _Reasons) -> str:
    unknown = unknown_metrics(mapping)
    cells = [f"no ({reasons.letter(unknown[metric])})" if metric in unknown else "yes" for _, metric in SIGNALS]
    told = mapping.has_exhausted or mapping == DEFAULT
    return _line([title, *cells, "yes" if told else f"no ({reasons.letter(_NO_EXHAUSTED)})"])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _section(profile: Profile) -> Iterator[str]:
    yield from ("", f"### {profile.title}", "")
    yield f"Profile `{profile.name}`, tested with {TESTED[profile.tested_with]}, version {profile.version}"
    yield f"([source]({profile.source})). Jobs are run by: {profile.worker}."
    yield ""
    yield from (f"- {note}" for note in profile.notes)
    yield from _retention(profile)
    yield from (f"- To {what}: {command}" for what, command in profile.commands.items())
    yield from ("", "```yaml", f"profile: {profile.name}", *_keys(profile.mapping), "```")


def _retention(profile: Profile) -> Iterator[str]:
    """The threshold of the alert about processed jobs that are kept for too long, or why there is none."""
    kept = profile.retention
    if kept.threshold:
        yield f"- `OutboxRetentionOverdue` has the threshold {kept.threshold}: {kept.source}."
    elif kept.reason:
        yield f"- `OutboxRetentionOverdue` is left out: {kept.reason}."


def _keys(mapping: OutboxMapping) -> Iterator[str]:
    """The keys of the mapping that mean something, as comments."""
    for field in fields(mapping):
        value = getattr(mapping, field.name)
        if value and value != field.default:
            shown = f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value).replace("True", "true")
            yield f"# {field.name}: {shown}"
