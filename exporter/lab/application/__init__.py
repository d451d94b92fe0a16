"""The stand-in application: its metrics, its HTTP server and the formats of its responses."""
