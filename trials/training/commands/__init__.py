"""Trials that a command of the user's own trains: a process per seed and attempt, watched from outside."""
