class CommandFailed(Exception):
    """A command cannot do what was asked; the message says why, and is all that is printed."""
