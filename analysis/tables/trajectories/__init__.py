"""The seeds on their way: convergence, failures, cycling and the game over time."""
