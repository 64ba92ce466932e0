"""The arguments of the commands. This module imports nothing that has to be installed, so that --help and wrong
arguments are answered before the virtual environment exists."""

import argparse
from pathlib import Path


def deploy(program: str = "infra/deploy") -> argparse.ArgumentParser:
    """The arguments of `infra/deploy`."""
    parser = _parser(program, """Builds Rollcall's functions and deploys them with everything that they need, as one
        CloudFormation stack. If the stack exists, it is updated. After a failure, run the same command again.""")
    parser.add_argument("--endpoint-url", metavar="URL", help="deploy to the LocalStack at this URL instead of AWS")
    parser.add_argument("--keys", type=Path, metavar="FILE",
                        help="the keys that verify node tokens, and the hashes of the console keys (docs/security.md); "
                        "without it, the keys of the last deployment stay")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
                        help="a parameter of infra/template.yaml; may be repeated. Parameters that are not set stay as "
                        "they were")
    parser.add_argument("--functions", type=Path, metavar="DIR",
                        help="deploy the binaries in this folder instead of building them")
    return parser


def destroy(program: str = "infra/destroy") -> argparse.ArgumentParser:
    """The arguments of `infra/destroy`."""
    parser = _parser(program, """Deletes a stack, but not its data: the table, the firmware images and the keys. The
        next `infra/deploy` of a stack with this name uses them again.""")
    parser.add_argument("--endpoint-url", metavar="URL", help="delete it in the LocalStack at this URL instead of AWS")
    parser.add_argument("--yes", action="store_true", help="do not ask for a confirmation")
    return parser


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    # An abbreviation of an option could mean another option in a later release.
    parser = argparse.ArgumentParser(prog=program, description=description, allow_abbrev=False)
    parser.add_argument("--stack", default="rollcall", metavar="NAME", help="the stack's name (default: %(default)s)")
    return parser
