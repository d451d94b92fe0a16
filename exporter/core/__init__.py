"""The base of all other packages: errors, logs, redaction, files, HTTP client, HTML and charts."""
