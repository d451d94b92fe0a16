"""The demo: an outbox with everything around it on this machine, and the exporter in front. Not part of the image."""
