"""The one kind of error that a user can cause and mend."""


class UserError(Exception):
    """A mistake in what the user gave: said in one message, without a traceback, with exit code 2."""
