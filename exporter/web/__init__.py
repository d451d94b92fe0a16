"""The parts of the web server: connections, TLS, authentication, endpoints. `exporter.web.server` joins them."""
