"""The arguments of the commands. It needs nothing that has to be installed: what is wrong with them, and what they are, is
said before anything is."""

import argparse
from pathlib import Path


def deploy(program: str = "infra/deploy") -> argparse.ArgumentParser:
    """Those of `infra/deploy`."""
    parser = _parser(program, """Builds Rollcall's functions and deploys them with everything that they need, as one
        CloudFormation stack. Run again, it brings the stack up to date; after a failure, it goes on from there.""")
    parser.add_argument("--endpoint-url", metavar="URL", help="deploy to what is there instead of AWS: LocalStack")
    parser.add_argument("--keys", type=Path, metavar="FILE",
                        help="the keys that tokens and the console's requests are checked with (docs/security.md); "
                        "without it, those of before")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
                        help="a parameter of infra/template.yaml; may be repeated. What is not set stays as it was")
    parser.add_argument("--functions", type=Path, metavar="DIR", help="deploy the binaries here, instead of building them")
    return parser


def destroy(program: str = "infra/destroy") -> argparse.ArgumentParser:
    """Those of `infra/destroy`."""
    parser = _parser(program, """Takes a stack away, and leaves its data: the table, the firmware and the keys. `infra/deploy`
        takes them up again.""")
    parser.add_argument("--endpoint-url", metavar="URL", help="take it away there instead of from AWS: LocalStack")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    return parser


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    # A name that is cut short would be another one's in a later release.
    parser = argparse.ArgumentParser(prog=program, description=description, allow_abbrev=False)
    parser.add_argument("--stack", default="rollcall", metavar="NAME", help="the stack (default: %(default)s)")
    return parser
