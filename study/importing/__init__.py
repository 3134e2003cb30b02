"""Histories that were trained elsewhere, imported as studies."""
