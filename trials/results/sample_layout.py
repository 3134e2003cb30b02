"""Layout of a sample grid: what draws it and what takes it apart share these sizes."""

PANEL = 220
"""Pixels per side of the panel of a seed's points."""
GAP = 8
"""Pixels between seeds."""
