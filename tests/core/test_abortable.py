"""Connections of one thread are aborted by another."""

import socket
from contextlib import closing

from exporter.core.abortable import AbortableConnections


def test_abort_ends_registered_connections():
    """A thread that waits for bytes gets the end of the stream."""
    ours, theirs = socket.socketpair()
    with closing(AbortableConnections()) as connections, ours, theirs:
        connections.register(ours)
        assert not connections.is_aborted
        connections.abort()
        assert connections.is_aborted
        assert (ours.recv(1), theirs.recv(1)) == (b"", b"")


def test_connection_registered_after_the_abort_is_ended_at_once():
    """A thread may connect while another gives up."""
    ours, theirs = socket.socketpair()
    with closing(AbortableConnections()) as connections, ours, theirs:
        connections.abort()
        connections.register(ours)
        assert theirs.recv(1) == b""


def test_closed_connection_is_not_confused_with_a_later_file():
    """The owner closes its socket and the number is used again: the abort does not touch the new one."""
    ours, theirs = socket.socketpair()
    with closing(AbortableConnections()) as connections, theirs:
        connections.register(ours)
        ours.close()
        other, peer = socket.socketpair()
        with other, peer:
            connections.abort()
            other.sendall(b"x")
            assert peer.recv(1) == b"x"


def test_connections_after_close_are_left_alone():
    """Closing releases the connections: an abort that comes later does nothing."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connections = AbortableConnections()
        connections.register(ours)
        connections.close()
        connections.abort()
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"
