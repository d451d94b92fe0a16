"""The web configuration file: TLS and basic authentication."""
