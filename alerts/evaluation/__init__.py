"""The evaluation of the rules in the exporter: rule manager, rule group, alert states."""
