"""Things between client and server that do not keep a transaction together."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from exporter.lab.ports import LOOPBACK, free_port
from exporter.lab.postgres.cluster import Cluster
from tests.database.pgbouncer import user_line
from tests.newest import Require
from tests.requirements import require_program


@contextmanager
def autocommitting(cluster: Cluster) -> Iterator[int]:
    """A proxy that turns every BEGIN into an ABORT of the same length, so that each statement commits by itself."""
    listener = socket.create_server((LOOPBACK, 0))

    def pump(source: socket.socket, sink: socket.socket, spoil: bool) -> None:
        with suppress(OSError), closing(sink):
            while data := source.recv(65536):
                sink.sendall(data.replace(b"BEGIN", b"ABORT") if spoil else data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((LOOPBACK, cluster.port))
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def pgbouncer(cluster: Cluster, mode: str, require: Require = require_program) -> Iterator[int]:
    """PgBouncer in front of the cluster, in that pool mode; Debian's unless `require` finds another."""
    program, port = require("pgbouncer"), free_port()
    with tempfile.TemporaryDirectory(prefix="outbox-bouncer-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # pytest's own are for its user alone, and PgBouncer refuses to run as root
        settings = directory / "pgbouncer.ini"
        yield from _run(program, settings, cluster, mode, port)


def _run(program: Path, settings: Path, cluster: Cluster, mode: str, port: int) -> Iterator[int]:
    settings.write_text(
        f"[databases]\n* = host={LOOPBACK} port={cluster.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = {LOOPBACK}\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\nlogfile =\npidfile =\nserver_lifetime = 60\n{user_line()}\n"
    )
    process = subprocess.Popen([program, str(settings)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((LOOPBACK, port), 0.5):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(5)
