"""A trial from its start to its end."""
