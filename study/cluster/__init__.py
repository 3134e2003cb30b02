"""Ray clusters: connection, capacity, code on workers, jobs."""
