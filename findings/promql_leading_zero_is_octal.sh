#!/usr/bin/env bash
# Prometheus 2.42.0 and VictoriaMetrics 1.79.5 (Debian 12): 0100 is 64 in PromQL, and 0108 is 108.
#
# The documentation of PromQL's numbers has decimal and hexadecimal ones. A leading zero makes a number octal all the
# same, unless a digit of it is not octal: then Prometheus reads it as decimal. So of two padded thresholds that come
# from a template, "0100" and "0108", one is 36 % too low. A sample `x 0100` of an exposition is 100. VictoriaMetrics
# also reads 0100 as 64, and refuses 0108.
#
# Seen: 64 and 108 in Prometheus, whose storage has 100 for the sample; 64 and "cannot parse" in VictoriaMetrics.
set -euo pipefail
folder=$(mktemp -d)
stop() { [ -z "${server:-}" ] || { kill -INT "$server"; wait "$server" || true; }; rm -rf "$folder"; }
trap stop EXIT
cd "$folder"
apt-get download -qq -o APT::Sandbox::User=root 'prometheus=2.42.0+ds-5+deb12u1' 'victoria-metrics=1.79.5+ds1-2+b5'
for package in ./*.deb; do dpkg-deb --extract "$package" .; done
cat >test.yaml <<'YAML'
tests:
  - promql_expr_test:
      - {expr: "0100", exp_samples: [{value: 64}]}
      - {expr: "0108", exp_samples: [{value: 108}]}
YAML
usr/bin/promtool test rules test.yaml
printf '# TYPE x gauge\nx 0100 1700000000\n# EOF\n' >exposition
usr/bin/promtool tsdb create-blocks-from openmetrics exposition blocks >/dev/null
mkdir blocks/wal
usr/bin/promtool tsdb dump blocks | tee dump
grep --quiet ' 100 1700000000000$' dump
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
usr/bin/victoria-metrics -storageDataPath=data -httpListenAddr="127.0.0.1:$port" 2>/dev/null &
server=$!
python3 - "$port" <<'PYTHON'
import json
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import urlopen


def query(expression: str) -> str:
    for _ in range(100):
        try:
            with urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/v1/query?query={expression}") as answer:
                return json.load(answer)["data"]["result"][0]["value"][1]
        except HTTPError as error:
            return json.load(error)["error"]
        except URLError:
            time.sleep(0.1)
    raise SystemExit("no server")


octal, other = query("0100"), query("0108")
print(f"VictoriaMetrics: 0100 is {octal}; 0108: {other}")
assert octal == "64"
assert 'cannot parse "0108"' in other
PYTHON
