"""The schedule of the collectors, their cost budgets, and the run of a collector."""
