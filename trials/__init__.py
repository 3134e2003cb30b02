"""One trial, which is a GAN configuration trained as a seed ensemble.

Knows neither Ray nor MLflow nor Optuna.
"""
