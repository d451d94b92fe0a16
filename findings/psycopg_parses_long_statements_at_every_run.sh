#!/usr/bin/env bash
# psycopg 3.3.9: a statement of more than 4096 bytes is parsed anew at every run, comments and indentation included.
#
# psycopg turns `%(name)s` into `$1` in Python, and keeps the result: the same text is parsed once. The result is not
# kept for statements above a length that no documentation names, nor for more than 50 parameters. So a comment added to
# a .sql file can make each of its runs several times as expensive for the client, with no difference for the server.
#
# Seen: 100 runs of the same statement parse it once at 4096 bytes, and 100 times at 4097, one space more in a comment.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9'
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer


def parsed(length: int) -> int:
    """How often the statement is parsed in 100 runs."""
    end = "\nSELECT %(number)s"
    statement = "--" + " " * (length - len(end) - 2) + end
    assert len(statement.encode()) == length
    calls = 0

    def count(frame, event, _argument):
        nonlocal calls
        calls += event == "call" and frame.f_code.co_name == "_split_query"

    sys.setprofile(count)
    try:
        for number in range(100):
            PostgresQuery(Transformer()).convert(statement, {"number": number})
    finally:
        sys.setprofile(None)
    return calls


short, long = parsed(4096), parsed(4097)
print("4096 bytes:", short, "; 4097 bytes:", long)
assert (short, long) == (1, 100), "psycopg keeps results by another rule now"
PYTHON
