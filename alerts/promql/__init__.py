"""A small PromQL engine over the scrapes of one exporter."""
