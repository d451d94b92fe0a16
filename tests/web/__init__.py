"""Tests of the HTTP server, its pages and its authentication."""
