"""Tests of the schedule of the collectors and of their cost budget."""
