"""The lab: a real outbox, its application and its faults on one machine, for the demo and the tests.

It imports nothing of the exporter, so that the tests compare the exporter with something independent of it.
"""
