"""The error that every mistake of the user becomes."""


class UserError(Exception):
    """A mistake in what the user gave, shown as one message without a traceback; exit code 2."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython and notebooks show of it: the message."""
        return [f"{type(self).__name__}: {self}"]
