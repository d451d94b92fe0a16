"""Which server answers, and how old the rows of a standby are at most.

A standby shows the primary's rows as of the position up to which it has replayed WAL. Two facts prove how old that is:

- The last transaction that it has replayed was committed on the primary at a known time. On a quiet primary that is
  long ago and proves little.
- Each message of the sender tells when it was sent and where the sender's WAL ended then. A standby that has replayed
  WAL up to there shows everything that was committed by then. A quiet primary sends one every half of
  wal_receiver_timeout (30 s by default), because the receiver asks.

The lag is the least age that one of them proves. Nothing is concluded from silence. Where the sender is a standby
itself, it is the lag behind that one: PostgreSQL does not tell how far behind the sender is.
"""

from collections import deque
from dataclasses import dataclass

from exporter.config.values import format_duration
from exporter.core.errors import Stale
from exporter.metrics.readings import DatabaseServer

# So many of the sender's messages are kept: at four samples of five collectors a minute, twelve minutes.
MAX_REMEMBERED = 256
MICROSECONDS = 1_000_000
# Two clocks may differ by this much, seconds: a commit that lies further in our future shows that they differ by more,
# and proves nothing.
MAX_CLOCK_DIFFERENCE = 1.0
# The first version in which a grant to a role that inherits nothing may be inherited all the same.
_GRANT_WITH_INHERIT = 160000

CONNECT_TO_PRIMARY = "connect to the primary (with several hosts in the DSN: target_session_attrs=primary)"


@dataclass(frozen=True, slots=True)
class Replay:
    """The row of sql/replay.sql; times in microseconds since 1970."""

    started: int
    version: int
    replayed: int | None
    committed_at: int | None
    receiving: bool
    sender_end: int | None
    sent_at: int | None
    heard_at: int | None
    paused: bool
    apply_delay: str
    receiver_timeout: str

    @property
    def clock_offset(self) -> float | None:
        """By how much the server's clock is ahead of the sender's, at most, seconds; None while nothing was heard.

        A receiver that has just started shows its start for both times.
        """
        if self.sent_at is None or self.heard_at is None or self.sent_at == self.heard_at:
            return None
        return (self.heard_at - self.sent_at) / MICROSECONDS


class ReplayTracker:
    """Keeps where the sender's WAL ended and when, to derive how old the rows of a standby are.

    While a server replays slightly behind a busy primary, it is never seen at the latest end, but soon at earlier ones.
    One sample at a time.
    """

    def __init__(self) -> None:
        self.server: DatabaseServer | None = None
        self.expects_standby = False  # whether the first message includes sql/replay.sql
        self._replay: Replay | None = None
        self._ends: deque[tuple[int, float]] = deque(maxlen=MAX_REMEMBERED)

    def begin(self) -> None:
        """Begin a sample: no server has answered yet."""
        self.server = None

    def found_primary(self, address: str | None) -> None:
        """A primary answers. Forget what proves the age of a standby's rows."""
        self._replay, self.expects_standby = None, False
        self._ends.clear()
        self.server = DatabaseServer(in_recovery=False, address=address)

    def found_standby(self, address: str | None, now: float, replay: Replay) -> None:
        """A standby answers, in a sample that began at `now` by its clock, Unix seconds."""
        if self._replay is not None and self._replay.started != replay.started:
            self._ends.clear()
        self._replay = replay
        self.server = DatabaseServer(in_recovery=True, address=address, lag=self._lag(now, replay))

    def check(self, limit: float, role: str) -> None:
        """Return unless the rows may be more than `limit` seconds old. `role` is quoted where its name needs it.

        Raises: Stale with the cause and how to fix it.
        """
        server, replay = self.server, self._replay
        if server is None or replay is None or (server.lag is not None and server.lag <= limit):
            return
        # No figure that changes from sample to sample: the log tells each message once.
        raise Stale(
            f"{server} answers, and it is not proved that its replay is within database.max_replay_lag "
            f"({format_duration(limit)}): {_cause(replay, role)}; or {CONNECT_TO_PRIMARY}"
        )

    def refuse_standby(self) -> None:
        """Raises: Stale when a standby answers, however fresh: rows that it does not show may exist."""
        if self.server is not None and self.server.in_recovery:
            raise Stale(f"{self.server} answers, and a standby proves nothing about the primary")

    def _lag(self, now: float, replay: Replay) -> float | None:
        """The least age that is proved, seconds; None on a primary, and where none is."""
        if replay.replayed is None:
            return None
        self._remember(replay)
        times = [
            time for time in (self._replayed_until(replay.replayed), _committed_at(now, replay)) if time is not None
        ]
        return max(0.0, now - max(times)) if times else None

    def _remember(self, replay: Replay) -> None:
        offset = replay.clock_offset
        if offset is None or replay.sender_end is None or replay.sent_at is None:
            return
        # Where the clocks differ, the earlier of both times: an age must not come out too small.
        end = replay.sender_end, replay.sent_at / MICROSECONDS + min(offset, 0.0)
        if not self._ends or self._ends[-1] != end:
            self._ends.append(end)

    def _replayed_until(self, replayed: int) -> float | None:
        """When the sender had no WAL beyond `replayed`, Unix seconds; earlier positions are dropped."""
        proofs = [time for end, time in self._ends if end <= replayed]
        if not proofs:
            return None
        latest = max(proofs)
        while self._ends[0][1] < latest:
            self._ends.popleft()
        return latest


def address(host: str | None, port: int | None) -> str | None:
    """Host and port as a server knows them; None over a Unix socket."""
    if host is None:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _committed_at(now: float, replay: Replay) -> float | None:
    """When the last replayed transaction was committed, by the standby's clock or earlier; None where unknown."""
    committed_at = None if replay.committed_at is None else replay.committed_at / MICROSECONDS
    if committed_at is None or committed_at > now + MAX_CLOCK_DIFFERENCE:
        return None
    return committed_at + min(replay.clock_offset or 0.0, 0.0)


def _cause(replay: Replay, role: str) -> str:
    """The cause, as far as it is known, and how to fix it."""
    if replay.paused:
        return "replay is paused: SELECT pg_wal_replay_resume()"
    if replay.apply_delay != "0":
        return f"recovery_min_apply_delay is {replay.apply_delay}: raise database.max_replay_lag beyond it"
    if not replay.receiving:
        return "no WAL receiver is connected (a dead primary, a cut network, or WAL from an archive): fix that"
    return _cause_while_receiving(replay, role)


def _cause_while_receiving(replay: Replay, role: str) -> str:
    offset = replay.clock_offset
    quiet = f"wal_receiver_timeout ({replay.receiver_timeout})"
    if replay.heard_at is None:
        return (
            f"role {role} may not see when the WAL receiver last received a message, and no transaction was "
            f"replayed lately: {grant_statistics(replay.version, role)}, on the primary"
        )
    if offset is None:
        return f"the WAL receiver has received nothing since it connected: wait, for half of {quiet} if it is quiet"
    if (replay.sender_end or 0) > (replay.replayed or 0):
        return "WAL is received and not yet replayed (a query that conflicts with it, or a slow disk): wait"
    if abs(offset) > MAX_CLOCK_DIFFERENCE:
        return "the clocks of this server and of its sender differ, or messages are slow: synchronise the clocks"
    return (
        f"the WAL receiver has received no message from its sender lately (a quiet one sends every half of {quiet}): "
        "fix the connection, or raise database.max_replay_lag beyond that"
    )


def grant_statistics(version: int, role: str) -> str:
    """The statement that lets a role see the statistics of others; the shipped role inherits nothing by default."""
    if version >= _GRANT_WITH_INHERIT:
        return f"GRANT pg_read_all_stats TO {role} WITH INHERIT TRUE"
    return f"ALTER ROLE {role} INHERIT; GRANT pg_read_all_stats TO {role}"
