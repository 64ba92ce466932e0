"""Errors and messages for a person."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError


class Problem(Exception):
    """An error that ends the command with exit code 1. Its text says what is wrong and what to do."""


def say(text: str) -> None:
    """Prints a line for a person to stderr; stdout is for programs."""
    print(text, file=sys.stderr, flush=True)


def run(name: str, work: Callable[[], None]) -> int:
    """Does the work of a command, and returns its exit code."""
    try:
        work()
        return 0
    except (Problem, BotoCoreError, ClientError) as problem:
        say(f"{name}: {problem}")
    except KeyboardInterrupt:
        say(f"{name}: interrupted; run the same command again to continue")
    return 1
