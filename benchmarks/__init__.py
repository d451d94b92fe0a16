"""What watching costs: our exporter and others over the same database, in one run.

`python -m benchmarks --help` is the way in. Reads the exporter from outside only: it is started as a process and
judged by its HTTP answers and by what the database says about its role.
"""
