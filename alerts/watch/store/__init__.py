"""The history of a watch on disk."""
