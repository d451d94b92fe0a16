"""Telling of alerts: what to tell whom is decided here, told by threads of its own, and kept on disk until it is told.

`episodes` and `steps` are pure: what a receiver has heard, and what it is to hear next. `alertmanager`, `pagerduty`
and `webhook` put it into words, `post` sends it, `courier` decides when and counts, `store` keeps it across restarts,
`notifications` joins all that. A fault of a receiver, a network or a disk never reaches who evaluates the rules.
"""
