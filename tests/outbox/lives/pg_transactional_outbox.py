"""The life of pg-transactional-outbox."""

from tests.outbox.lives.node_life import NodeLife


class Life(NodeLife):
    """pg-transactional-outbox of npm."""

    profile = "pg-transactional-outbox"
    script = "pg_transactional_outbox.mjs"
