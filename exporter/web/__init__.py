"""The web server: connections, authentication, endpoints and pages. `exporter.web.server` starts it."""

# The period of the sparklines on the status page, seconds. Here, so that no page is imported to collect their points.
TREND_SECONDS = 3600
