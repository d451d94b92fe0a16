"""What every other package rests on: errors, logs, redaction, files, HTTP out, HTML and charts."""
