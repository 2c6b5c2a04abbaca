"""Which specialist a request goes to: rules, a local classifier, then a cheap model."""
