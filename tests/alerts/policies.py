"""A small policy with something of everything."""

SMALL = """
interval: 15s
signals:
  - {record: "outbox:a", unit: jobs, meaning: A., expr: "max(a[$w] offset $back)", parameters: {w: 5m, back: 1h}}
  - {record: "outbox:b", unit: seconds, meaning: B., expr: "outbox:a{job=\\"$job\\"}"}
alerts:
  - alert: OutboxGone
    group: one
    summary: Gone
    description: Gone.
    unit: boolean
    hides: [backlog]
    outlets: [prometheus]
    expr: up < $threshold
    severities: {page: {threshold: 1, for: 2m, source: here}}
  - alert: OutboxSlow
    group: two
    summary: Slow
    description: Slow.
    signal: outbox:b
    collectors: [backlog]
    parameters: {most: 2, since: 1m}
    expr: (outbox:b > $threshold) and (x < $most) and (y > $since)
    keep_firing_for: 10m
    severities:
      ticket: {threshold: 2m, for: 3m, source: there, while: z == $most}
      page: {threshold: 5m, for: 4m, source: there}
"""
