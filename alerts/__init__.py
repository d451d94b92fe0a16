"""Judging: what the samples mean, whom to tell, and how the 24 hours went."""
