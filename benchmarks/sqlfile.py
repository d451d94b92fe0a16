"""The statements of the benchmark, one file each below sql/."""

from pathlib import Path
from typing import Final

from psycopg import sql

_HERE: Final = Path(__file__).parent / "sql"


def load(name: str) -> sql.SQL:
    """The statement in sql/<name>.sql."""
    # Our own files and nothing else; no type checker can know that.
    return sql.SQL((_HERE / f"{name}.sql").read_text(encoding="utf-8"))
