"""The life of Graphile Worker."""

from tests.outbox.lives.node_life import NodeLife


class Life(NodeLife):
    """graphile-worker of npm."""

    profile = "graphile-worker"
    script = "graphile_worker.mjs"
