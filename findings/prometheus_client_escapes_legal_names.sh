#!/usr/bin/env bash
# prometheus-client 0.26.0: asked with `escaping=values`, the OpenMetrics writer renames names that need no escaping.
#
# Prometheus sends `escaping=values` for `metric_name_escaping_scheme: values`. By Prometheus' documentation the scheme
# rewrites a name that is not valid in the old character set, and leaves a valid one as it is. escape_metric_name in
# the same package does so. Its OpenMetrics writer passes a family through the scheme all the same, so that every
# series is stored under another name, while the scrape succeeds. The text format of 0.0.4 is not affected.
#
# Seen: `U__jobs__waiting 3.0` in OpenMetrics, `jobs_waiting 3.0` in the text format.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0
"$folder/venv/bin/python" - <<'PYTHON'
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

registry = CollectorRegistry()
Gauge("jobs_waiting", "Jobs.", registry=registry).set(3)


def samples(accept: str) -> list[str]:
    encoder, _ = choose_encoder(accept)
    return [line for line in encoder(registry).decode().splitlines() if not line.startswith("#")]


openmetrics = samples("application/openmetrics-text;version=1.0.0;escaping=values")
text = samples("text/plain;version=1.0.0;escaping=values")
print("OpenMetrics:", *openmetrics)
print("text:", *text)
assert openmetrics == ["U__jobs__waiting 3.0"], "the OpenMetrics writer behaves differently now"
assert text == ["jobs_waiting 3.0"], "the text writer behaves differently now"
PYTHON
