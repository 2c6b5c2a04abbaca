"""The floor of the house: errors, settings, run context, labels, tracing."""
