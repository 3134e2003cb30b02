"""Feature spaces: what samples are compared in."""
