"""Data of your own, in plain Python: here pictures of discs and squares, drawn as they are asked for.

A study file trains on them with

    [data]
    name = "my_data.py:Dataset"
    options = { size = 16 }
    channels = "grey"
"""

import numpy as np
from PIL import Image, ImageDraw


class Dataset:
    """What torch.utils.data.Dataset looks like: a length, and items (image, label)."""

    def __init__(self, size=16, count=2000):
        self.size, self.count = size, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        # The same item at every call: seeded by its index.
        random = np.random.default_rng(index)
        kind = "disc" if random.random() < 0.5 else "square"
        reach = random.integers(self.size // 5, self.size // 3)
        x, y = random.integers(reach, self.size - reach, size=2)
        dark, light = random.integers(0, 80), random.integers(150, 256)
        picture = Image.new("L", (self.size, self.size), int(dark))
        draw = ImageDraw.Draw(picture)
        box = (x - reach, y - reach, x + reach, y + reach)
        if kind == "disc":
            draw.ellipse(box, fill=int(light))
        else:
            draw.rectangle(box, fill=int(light))
        return picture, kind
