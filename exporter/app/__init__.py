"""The running exporter: start, reload, stop, alerting, status, one-shot sampling, `check-config`."""
