"""Programs for development: generated files, virtual environment, system packages."""
