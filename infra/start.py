"""Starts `infra/deploy` or `infra/destroy`. It checks the arguments, for which nothing has to be installed. Then it
creates the virtual environment, if it is missing or outdated, and runs the command in it."""

import os
import sys
from pathlib import Path

import venv
from deployment import arguments

HERE = Path(__file__).resolve().parent
COMMANDS = {"deploy": arguments.deploy, "destroy": arguments.destroy}


def main() -> int:
    command, *options = sys.argv[1:]
    COMMANDS[command]().parse_args(options)
    programs = venv.ensure()
    if programs is None:
        return 1
    python = str(programs / "python")
    os.execv(python, [python, "-B", str(HERE / f"{command}.py"), *options])


if __name__ == "__main__":
    sys.exit(main())
