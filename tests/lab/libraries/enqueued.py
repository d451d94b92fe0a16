"""A job that is due now and one that is due later, added by a library."""

from exporter.lab.libraries import known
from exporter.lab.postgres.cluster import Cluster
from tests import postgres


def waits(profile: str, cluster: Cluster, query: str) -> list[tuple[str, int]]:
    """Queue and seconds until the job is due, by a query, of a job for now and one for in 100 seconds."""
    with postgres.temporary(cluster) as database:
        library = known.load(profile, database.dsn())
        library.install()
        library.enqueue("mail", 0.0, 0)
        library.enqueue("reports", 0.0, 100)
        library.close()
        with database.connect() as connection:
            return connection.execute(query.encode()).fetchall()
