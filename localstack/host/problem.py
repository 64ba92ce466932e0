"""Errors and messages for a person."""

import sys


class Problem(Exception):
    """An error that ends the command with exit code 1. Its text says what is wrong and what to do."""


def say(text: str) -> None:
    """Prints a line for a person to stderr; stdout is for programs."""
    print(text, file=sys.stderr, flush=True)
