"""The cost of monitoring: our exporter and others over the same database, in one run.

Start with `python -m benchmarks --help`. Exporters are measured from outside: each runs as a process, and the results
come from its HTTP responses and from the database's statistics for its role.
"""
