"""Tests of the programs that write generated files."""
