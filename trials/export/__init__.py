"""Trained generators as plain files."""
