"""The parts of the web server: connections, TLS, authentication, endpoints. `exporter.server` joins them."""
