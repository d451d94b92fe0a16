"""The watch within the running exporter."""
