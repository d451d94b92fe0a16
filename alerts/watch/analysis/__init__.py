"""From history to verdict: coverage, checks, comparison, messages."""
