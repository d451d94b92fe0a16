"""Tests of how the policy is loaded, checked and exported."""
