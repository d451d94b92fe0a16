"""The web server: connections, authentication, endpoints and pages. `exporter.web.server` starts it."""
