"""What was seen, kept on disk."""
