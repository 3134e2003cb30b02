"""Figures, one topic a file: a table in, a plotly figure out."""
