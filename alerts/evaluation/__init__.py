"""The evaluation of the rules in the sidecar: rule manager, rule group, alert states."""
