#!/usr/bin/env bash
# promql-parser 0.12.0 (PyPI) and Prometheus 2.42.0 (Debian 12): patterns between backquotes are refused.
#
# In a string between backquotes PromQL has no escapes, so that patterns need no doubled backslashes. promql-parser
# looks for escapes there as well, and refuses a backslash that begins none: `\d`, `\.`. It does not replace those that
# it knows: `\n` stays two characters, as in Prometheus. So most raw strings work, and those that raw strings are made
# for do not.
#
# Seen: promtool accepts all three selectors; promql-parser refuses x{a=~`\d+`} with "unknown escape sequence 'd'",
# accepts x{a=~`\n`} unchanged, and accepts "\\d+" in quotes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq -o APT::Sandbox::User=root 'prometheus=2.42.0+ds-5+deb12u1'
for package in ./*.deb; do dpkg-deb --extract "$package" .; done
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check promql-parser==0.12.0
venv/bin/python - <<'PYTHON'
import json
import subprocess
from pathlib import Path

import promql_parser

SELECTORS = [r"x{a=~`\d+`}", r"x{a=~`\n`}", r'x{a=~"\\d+"}']


def prometheus(expression: str) -> str:
    rules = {"groups": [{"name": "group", "rules": [{"record": "y", "expr": expression}]}]}
    Path("rules.json").write_text(json.dumps(rules))
    done = subprocess.run(["usr/bin/promtool", "check", "rules", "rules.json"], capture_output=True)
    return "refused" if done.returncode else "accepted"


def parser(expression: str) -> str:
    try:
        (matcher,) = promql_parser.parse(expression).matchers.matchers
    except ValueError as error:
        return str(error)
    return matcher.value


for selector in SELECTORS:
    print(f"{selector}: promtool: {prometheus(selector)}; promql-parser: {parser(selector)}")
assert [prometheus(selector) for selector in SELECTORS] == ["accepted"] * 3
assert [parser(selector) for selector in SELECTORS] == ["unknown escape sequence 'd'", r"\n", r"\d+"]
PYTHON
