"""Effects whose seeds and configurations are crossed random factors: estimate, design and power."""
