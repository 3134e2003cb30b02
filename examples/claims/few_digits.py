"""Scikit-learn's handwritten digits with a hundred of them to train on: the study file holds out the rest."""

import numpy as np
from sklearn.datasets import load_digits


class Dataset:
    """Grey pictures of 8 x 8, without labels."""

    def __init__(self, count=1100):
        self.images = load_digits().images[:count]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        # From 0..16 to bytes.
        return np.round(self.images[index] * 255 / 16).astype(np.uint8)
