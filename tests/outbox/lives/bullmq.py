"""The life of BullMQ on PostgreSQL."""

from tests.outbox.lives.node_life import NodeLife


class Life(NodeLife):
    """bullmq of npm."""

    profile = "bullmq"
    script = "bullmq.mjs"
