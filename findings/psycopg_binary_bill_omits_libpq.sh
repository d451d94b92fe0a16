#!/usr/bin/env bash
# psycopg-binary 3.3.9: the wheel contains a bill of materials (PEP 770, sboms/auditwheel.cdx.json) that names neither
# libpq nor OpenSSL, although the wheel contains both. auditwheel names a library only when a package of the build
# machine's distribution owns it; these are built from source. A scanner that relies on the bill misses them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps psycopg-binary==3.3.9
"$work/venv/bin/python" - <<'PYTHON'
import json
from importlib.metadata import distribution

files = distribution("psycopg-binary").files
(bill,) = [file for file in files if file.name == "auditwheel.cdx.json"]
named = sorted({each["name"] for each in json.loads(bill.read_text())["components"]} - {"psycopg_binary"})
bundled = sorted(file.name.split("-")[0] for file in files if file.parts[0] == "psycopg_binary.libs")
print("named:  ", ", ".join(named))
print("bundled:", ", ".join(bundled))
assert {"libpq", "libcrypto", "libssl"} <= set(bundled)
assert named and not [name for name in named if "pq" in name or "postgres" in name or "ssl" in name]
print("The bill of the wheel names neither libpq nor OpenSSL.")
PYTHON
