"""The configuration: settings, and how they are read from YAML, environment and files."""
