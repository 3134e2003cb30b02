"""Trained generators as files that load without ganstudy."""
