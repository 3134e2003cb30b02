"""All seeds of a configuration trained at once."""
