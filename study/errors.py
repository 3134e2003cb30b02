"""The error that every mistake of the user becomes."""


class UserError(Exception):
    """A mistake in what the user gave, shown as one message without a traceback; exit code 2."""
