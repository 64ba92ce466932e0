"""Starts `infra/deploy` or `infra/destroy`: reads the arguments, which needs nothing installed, makes the virtual environment
if it is not there, and goes on in it."""

import os
import sys
from pathlib import Path

import venv
from deployment import arguments

HERE = Path(__file__).resolve().parent
COMMANDS = {"deploy": arguments.deploy, "destroy": arguments.destroy}


def main() -> int:
    command, *given = sys.argv[1:]
    COMMANDS[command]().parse_args(given)
    programs = venv.made()
    if programs is None:
        return 1
    python = str(programs / "python")
    os.execv(python, [python, "-B", str(HERE / f"{command}.py"), *given])


if __name__ == "__main__":
    sys.exit(main())
