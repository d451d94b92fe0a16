"""What several packages need: errors, logging, redaction, HTTP client, atomic file writes, HTML and SVG."""
