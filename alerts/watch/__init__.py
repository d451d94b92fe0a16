"""The watch after the migration: it records every evaluation, checks it, and ends in a verdict with a report."""
