"""Published values compared with reference queries, on databases of every kind."""
