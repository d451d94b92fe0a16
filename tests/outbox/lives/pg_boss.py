"""The life of pg-boss."""

from tests.outbox.lives.node_life import NodeLife


class Life(NodeLife):
    """pg-boss of npm."""

    profile = "pg-boss"
    script = "pg_boss.mjs"
