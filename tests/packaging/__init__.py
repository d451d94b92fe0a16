"""Tests of the distributions, the image and the examples."""
