"""The content of notifications: incidents, their steps, their text."""
