"""`check-config`: checks everything that `serve` needs. Each check has a time limit and leaves nothing behind."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from exporter.collectors import tables
from exporter.collectors.application import ApplicationCollector
from exporter.collectors.database import DatabaseCollector
from exporter.collectors.last_hour import Retention
from exporter.collectors.retention import HOUR, NONE_OLDER
from exporter.config.settings import ApplicationSettings, Config, WatchSettings, WebSettings
from exporter.core import state_directory as statedir
from exporter.core.errors import (
    ExporterError,
    Locked,
    LoginRefused,
    PermissionDenied,
    Reason,
    SampleError,
    Stale,
    Unreachable,
)
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import duration
from exporter.core.logs import hide
from exporter.database import Session, relations, statuses
from exporter.metrics.availability import unknown_metrics, unknown_states
from exporter.metrics.catalogue import PENDING_JOBS
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD
from exporter.migration.verify import access_checks
from exporter.outbox.mapping import DEFAULT, OutboxMapping
from exporter.sampling.sampler import Sampler
from exporter.web.config.reloader import load as load_web
from exporter.web.server import AddressInUse, bind


class Refused(ExporterError):
    """A target refused."""


class Unanswered(ExporterError):
    """A target did not answer, so nothing was proved."""


_START_ON_MIGRATION = "migration"


@dataclass(frozen=True, slots=True)
class ConfigFinding:
    """The result of one check; `error` is None when it passed. A `note` names a feature that is missing here."""

    what: str
    error: ExporterError | None = None
    note: str = ""

    @property
    def is_unknown(self) -> bool:
        """Whether nothing was proved: no answer, a standby that may be too far behind, or a locked table."""
        return isinstance(self.error, Unreachable | Stale | Unanswered | Locked)

    def __str__(self) -> str:
        if self.note:
            return f"note     {self.what}: {self.note}"
        if self.error is None:
            return f"ok       {self.what}"
        reason = f"{self.error.reason}: " if isinstance(self.error, SampleError) else ""
        return f"{'unknown' if self.is_unknown else 'broken '}  {self.what}: {reason}{self.error}"


def verdict(findings: Iterable[ConfigFinding]) -> ExitStatus:
    """BAD when something is refused, UNKNOWN when a target could not be asked, otherwise GOOD."""
    failed = [finding for finding in findings if finding.error]
    if any(not finding.is_unknown for finding in failed):
        return ExitStatus.BAD
    return ExitStatus.UNKNOWN if failed else ExitStatus.GOOD


def machine(config: Config) -> Iterator[ConfigFinding]:
    """Checks of this machine. Raises: ConfigError for a wrong web configuration, as `serve` does."""
    yield web(config.web)
    yield state_directory(config.watch)


def targets(config: Config) -> Iterator[ConfigFinding]:
    """Checks of the database, and of the application if one is configured."""
    yield from database(Sampler(config, lambda *_: None))
    if config.application:
        yield from application(config.application)


def web(settings: WebSettings) -> ConfigFinding:
    """The web configuration file with its certificates, and the address. Raises: ConfigError, as `serve` does."""
    if settings.config_file:
        load_web(settings.config_file)
    try:
        bind(settings.listen).close()
    except AddressInUse:
        return ConfigFinding(f"web: {settings.listen} is in use now, by this exporter or by another program")
    return ConfigFinding(f"web: can listen on {settings.listen}")


def state_directory(settings: WatchSettings) -> ConfigFinding:
    """Whether state can be kept over a restart. Without a configured directory a failure is only a note."""
    what, wrong = f"state directory {settings.state_dir.absolute()}", statedir.problem(settings.state_dir)
    if wrong is None:
        return ConfigFinding(what)
    if settings.state_dir == WatchSettings().state_dir:
        return ConfigFinding(
            what, note=f"{wrong}; nothing is kept over a restart, unless watch.state_dir names a directory"
        )
    return ConfigFinding(what, Refused(f"{wrong}; give watch.state_dir a directory that the exporter may write"))


def database(sampling: Sampler) -> tuple[ConfigFinding, ...]:
    """Connect, prove that no row is hidden, and have the server plan every statement.

    Reads no row, but of a mapping the oldest processed job, and the values of a status in the first rows.
    """
    sampling.database.open()
    try:
        return tuple(_findings(sampling))
    finally:
        sampling.database.close()


def application(settings: ApplicationSettings) -> Iterator[ConfigFinding]:
    """Ask each endpoint once, within `application.timeout`."""
    failures = ApplicationCollector(settings).collect().failures
    for failure in failures:
        unanswered = failure.reason in (Reason.CONNECTION, Reason.TIMEOUT)
        error = (Unanswered if unanswered else Refused)(f"{failure.reason}: {failure.message}")
        yield ConfigFinding(f"application {settings.url}", error)
    if not failures:
        yield ConfigFinding(f"application {settings.url}: its endpoints answer")


def _findings(sampling: Sampler) -> Iterator[ConfigFinding]:
    checks: list[tuple[str, Callable[[], str]]] = [("server", lambda: _server(sampling))]
    checks += [(collector.name, partial(_collector, sampling, collector)) for collector in sampling.database_collectors]
    for name, found in checks:
        try:
            finding = ConfigFinding(found())
        except (LoginRefused, Unreachable, Stale) as error:
            yield ConfigFinding(f"database {sampling.database.target}", error)
            return
        except SampleError as error:
            finding = ConfigFinding(name, error)
        yield finding
    yield from _tables(sampling)
    if sampling.mapping == DEFAULT:
        yield from _migration(sampling)
    else:
        yield from _mapping(sampling)


def _mapping(sampling: Sampler) -> Iterator[ConfigFinding]:
    """Of a mapping: which metrics are absent and why, and which values of the status mean nothing, are notes."""
    yield from _retention(sampling)
    for reason, metrics in _absent(sampling.mapping).items():
        yield ConfigFinding("mapping", note=f"{reason}: without {', '.join(metrics)}")
    try:
        with sampling.database.sample(*relations.reads(sampling.mapping, "pending_jobs", "statuses")) as session:
            notes = tuple(_doubts(session))
    except SampleError as error:
        yield ConfigFinding("mapping", note=f"{error}; whether it fits the rows is unknown")
        return
    yield from (ConfigFinding("mapping", note=each) for each in notes)


def _doubts(session: Session) -> Iterator[str]:
    """What holds of no sample, and makes figures say less than their names."""
    m = session.mapping
    if m.due and not m.has_created and session.may_be_null(f"{m.table}.{m.due}"):
        yield relations.AGELESS.format(m.due)
    if m.status:
        yield from statuses.problems(m, statuses.read(session))


def _retention(sampling: Sampler) -> Iterator[ConfigFinding]:
    """Whether figures of the last hour are unknown after a start, where processed jobs may be deleted within it."""
    mapping = sampling.mapping
    if mapping.is_conserved or not mapping.has_processed:
        return
    try:
        with sampling.database.sample(*relations.reads(mapping, "processed_jobs")) as session:
            found = session.fetch_one("oldest_processed", Retention, latest=session.now + MAX_CLOCK_LEAD)
    except SampleError as error:
        yield ConfigFinding("last_hour", note=f"{error}; whether processed jobs are kept for an hour is unknown")
        return
    if found.oldest is not None and found.oldest > session.now - HOUR:
        yield ConfigFinding("last_hour", note=f"{NONE_OLDER}: its figures are absent for the first hour of samples")


def _absent(mapping: OutboxMapping) -> Mapping[str, tuple[str, ...]]:
    """The names of the metrics that are absent, by the reason."""
    found: dict[str, tuple[str, ...]] = {}
    for metric, reason in unknown_metrics(mapping).items():
        found[reason] = (*found.get(reason, ()), metric.name)
    for state, reason in unknown_states(mapping).items():
        found[reason] = (*found.get(reason, ()), f'{PENDING_JOBS.name}{{state="{state}"}}')
    return found


def _tables(sampling: Sampler) -> Iterator[ConfigFinding]:
    """What the statistics of the tables do not show here, and what holds back the vacuum horizon, are notes."""
    try:
        with sampling.database.sample() as session:
            found = tables.read_statistics(session)
            yield ConfigFinding("tables: sizes and statistics are visible")
            for reason in tables.unknown_statistics(found, is_standby=session.is_standby):
                yield ConfigFinding("tables", note=reason)
            yield from _horizon(session)
    except SampleError as error:
        yield ConfigFinding("tables", error)


def _horizon(session: Session) -> Iterator[ConfigFinding]:
    try:
        holders = tables.read_holders(session)
    except PermissionDenied as error:
        yield ConfigFinding("vacuum horizon", note=f"{error}; whether it is pinned is unknown")
        return
    if holders and holders[0].is_old(session.now):
        yield ConfigFinding("vacuum horizon", note=hide(tables.oldest(holders[0])))


def _migration(sampling: Sampler) -> Iterator[ConfigFinding]:
    """Parts that the role cannot see are notes, unless the configuration needs them."""
    try:
        with sampling.database.sample() as session:
            hidden = tuple(access_checks.hidden_records(session))
    except SampleError as error:
        yield ConfigFinding("migration", error)
        return
    needs_history = sampling.config.watch.start == _START_ON_MIGRATION
    for each in hidden:
        if needs_history and each.is_migration_history:
            yield ConfigFinding("watch.start: migration", PermissionDenied(str(each)))
        else:
            yield ConfigFinding("migration", note=str(each))


def _server(sampling: Sampler) -> str:
    """Which server answers, and which commands need another one."""
    with sampling.database.sample():
        server = sampling.database.server
    if server is None or not server.in_recovery:
        return f"server: {server} answers"
    return (
        f"server: {server} answers, at most {duration(server.lag or 0)} behind its sender; verify, smoke, "
        "rollback-check and the watch need the primary"
    )


def _collector(sampling: Sampler, collector: DatabaseCollector) -> str:
    tables = ", ".join(table.name for table in collector.reads)
    planned = f"{collector.name}: {tables} visible, {len(collector.statements)} statements planned"
    return planned + _plan(sampling, collector)


def _plan(sampling: Sampler, collector: DatabaseCollector) -> str:
    """Have the statements planned; returns a hint about an index, empty when there is none."""
    with sampling.database.sample(*collector.reads) as session:
        for statement in collector.statements:
            session.plan(statement)
        index = collector.index
        found = index is None or index.found_in(sampling.index_catalogue.rows(session, index.table))
    return "" if found or index is None else f"; an index on {index.definition} would make it cheaper"
