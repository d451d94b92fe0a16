"""The web configuration file: TLS, basic authentication, headers and rate limit."""
