"""The jobs of a mapping as SQL."""
