"""Streaming replicas of the clusters that tests use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from exporter.lab.ports import LOOPBACK
from exporter.lab.postgres.cluster import SUPERUSER, Cluster, ClusterError
from tests.postgres import started
from tests.proxy import Mode, Proxy

_DEADLINE: Final = 30.0  # seconds for a standby to execute an operation
_STEP: Final = 0.02


class Standby(Cluster):
    """A hot standby of a running cluster, made by pg_basebackup; create it by `standby_of`, use it like a cluster.

    It streams through a proxy, so that a test can interrupt the stream, and has a replication slot, so that it can
    continue afterwards. It has every database of its primary: `tests.postgres.Database(standby, name)`.
    """

    def __init__(
        self,
        primary: Cluster,
        settings: Mapping[str, str] | None = None,
        *,
        upstream: Cluster | None = None,
    ) -> None:
        """Configures a standby of `primary`; `create` starts it.

        Args:
            primary: a running cluster, from which the backup is taken.
            settings: further lines of postgresql.conf, such as recovery_min_apply_delay.
            upstream: a running standby of `primary` from which to stream (cascading replication).
        """
        super().__init__(primary.installation, settings)
        self._primary = primary
        self._upstream = upstream or primary
        self._proxy = Proxy(self._upstream.port)
        self._slot = f"standby_{os.getpid()}_{self.port}"

    @property
    def primary(self) -> Cluster:
        """The cluster that this one replicates."""
        return self._primary

    def create(self) -> None:
        """Creates the standby and waits until it accepts connections. Raises: ClusterError."""
        self._proxy.__enter__()
        try:
            super().create()
        except BaseException:
            self._clear_stream()
            raise

    def drop(self) -> None:
        """Ends the server and the stream, and removes all of it, with the slot on the upstream server."""
        super().drop()
        self._clear_stream()

    def pause_replay(self) -> None:
        """Pauses replay; WAL is still received. In force when this returns."""
        self._ask("SELECT pg_wal_replay_pause()")
        self._wait_for("replay to pause", lambda: self._ask("SELECT pg_get_wal_replay_pause_state()") == "paused")

    def resume_replay(self) -> None:
        """Resumes replay."""
        self._ask("SELECT pg_wal_replay_resume()")

    def wait_until_caught_up(self) -> None:
        """Waits until everything that is committed on the primary now is replayed here. Raises: ClusterError."""
        with psycopg.connect(self._primary.dsn(), autocommit=True) as connection:
            (wanted,) = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        caught_up = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        self._wait_for(f"replay to reach {wanted}", lambda: self._ask(caught_up, wanted) is True)

    def interrupt_stream(self, *, silently: bool = True) -> None:
        """Interrupts the stream of WAL. `silently`: the connection stays open without data; otherwise it is closed."""
        self._proxy.set_mode(Mode.SWALLOW if silently else Mode.REFUSE)
        if not silently:
            self._proxy.drop_connections()

    def restore_stream(self) -> None:
        """Resumes the stream of WAL: at once after a silent cut, otherwise when the receiver reconnects."""
        self._proxy.set_mode(Mode.PASS)

    def promote(self) -> None:
        """Makes this a primary; it is one when this returns. Raises: ClusterError."""
        if self._ask("SELECT pg_promote()") is not True:
            raise ClusterError("the standby was not promoted in time")

    def _init_data_directory(self) -> None:
        reserve = f"SELECT pg_create_physical_replication_slot('{self._slot}', true)"
        with psycopg.connect(self._upstream.dsn(), autocommit=True) as connection:
            connection.execute(reserve)
        source = f"host={LOOPBACK} port={self._primary.port} user={SUPERUSER}"
        made = self._launch("pg_basebackup", "-d", source, "-D", self._data, "-c", "fast", "-X", "stream", "--no-sync")
        if made.wait() != 0:
            raise ClusterError(f"pg_basebackup failed:\n{self._log_tail()}")
        signal = Path(self._data, "standby.signal")
        signal.touch()
        os.chown(signal, self._account.uid, self._account.gid)
        self._configure(
            {
                "primary_conninfo": f"host={LOOPBACK} port={self._proxy.port} user={SUPERUSER}",
                "primary_slot_name": self._slot,
                "wal_retrieve_retry_interval": "200ms",
                **self._settings,
            }
        )

    def _clear_stream(self) -> None:
        """Ends the proxy and drops the slot. The upstream server may be down, or may not have noticed yet."""
        if self._proxy.is_running:
            self._proxy.__exit__(None, None, None)
        if self._upstream.pid is not None:
            self._wait_for("the upstream server to release the slot", self._drop_slot)

    def _drop_slot(self) -> bool:
        drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
        with suppress(psycopg.errors.ObjectInUse), psycopg.connect(self._upstream.dsn(), autocommit=True) as connection:
            connection.execute(drop, (self._slot,))
            return True
        return False

    def _ask(self, query: str, *parameters: object) -> Any:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            row = connection.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def _wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE
        while not holds():
            if time.monotonic() > deadline:
                raise ClusterError(f"no success within {_DEADLINE:.0f} s: {what}")
            time.sleep(_STEP)


@contextmanager
def standby_of(
    primary: Cluster, settings: Mapping[str, str] | None = None, *, upstream: Cluster | None = None
) -> Iterator[Standby]:
    """A running standby that has replayed everything committed before its start; removed afterwards."""
    standby = Standby(primary, settings, upstream=upstream)
    with started(standby):
        standby.wait_until_caught_up()
        yield standby
