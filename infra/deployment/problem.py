"""What goes wrong, in a sentence that says what to do; and what is said meanwhile."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError


class Problem(Exception):
    """Ends the command with exit code 1."""


def say(text: str) -> None:
    """A line for a person."""
    print(text, file=sys.stderr, flush=True)


def run(name: str, work: Callable[[], None]) -> int:
    """Does the work of a command; gives its exit code."""
    try:
        work()
        return 0
    except (Problem, BotoCoreError, ClientError) as problem:
        say(f"{name}: {problem}")
    except KeyboardInterrupt:
        say(f"{name}: stopped; run it again to go on")
    return 1
