"""Sampling against real servers."""
