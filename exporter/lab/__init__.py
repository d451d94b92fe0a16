"""The lab: a real outbox, its application and its faults on one machine, for the demo and the tests.

A leaf wing: it imports nothing of the exporter, so that what is watched cannot lean on the watcher.
"""
