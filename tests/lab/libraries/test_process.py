"""A process that uses a library."""

from exporter.lab.libraries.child import Child
from tests import postgres


def test_it_ends_with_its_parent(embedded, tmp_path):
    """Its standard input ends when the parent does, however that ends. Before, it installs tables and adds jobs."""
    with (
        postgres.temporary(embedded) as database,
        Child("procrastinate", database.dsn(), "poison", tmp_path) as child,
    ):
        child.wait_for("the tables are installed")
        assert child._process.stdin is not None
        child._process.stdin.close()
        assert child._process.wait(10) == -9
        assert database.value("SELECT count(*) FROM procrastinate_jobs") >= 0
