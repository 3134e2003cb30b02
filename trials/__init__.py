"""One trial: a GAN configuration trained on a pack of seeds. Knows neither Ray nor MLflow nor
Optuna.
"""
