"""Trials that are trained by a function of the user's own."""
