"""Tests of the questions of a diagnosis."""
