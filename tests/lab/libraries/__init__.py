"""Tests of the libraries that the lab runs."""
