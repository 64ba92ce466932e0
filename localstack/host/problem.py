"""What went wrong, in a sentence that says what to do; and what is said meanwhile."""

import sys


class Problem(Exception):
    """Ends the command with exit code 1."""


def say(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)
