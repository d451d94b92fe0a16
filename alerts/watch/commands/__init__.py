"""The output of `watch status` and `watch wait`, and the wait itself."""
