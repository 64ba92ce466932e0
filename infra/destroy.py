"""The command `infra/destroy`. deployment/arguments.py describes it."""

import argparse
import sys

from deployment import arguments as command
from deployment import parameters
from deployment.aws import Aws
from deployment.problem import Problem, run, say
from deployment.stack import Stack


def destroy(arguments: argparse.Namespace) -> None:
    parameters.check_stack(arguments.stack)
    aws = Aws(arguments.endpoint_url)
    stack = Stack(aws, arguments.stack)
    if stack.describe() is None:
        raise Problem(f"there is no stack {arguments.stack} in {aws.region}")
    if not arguments.yes:
        say(f"{arguments.stack} in account {aws.account}, {aws.region}: every node loses its connection.")
        if ask("To delete the stack, enter its name: ") != arguments.stack:
            raise Problem("nothing is deleted")
    outputs = stack.outputs()
    stack.delete()
    if aws.is_local:
        say(f"{arguments.stack} is deleted, with its data: LocalStack retains nothing")
        return
    say(f"{arguments.stack} is deleted. Its data is kept: the tables {outputs.get('TableName')} and "
        f"{outputs.get('RecordsTableName')}, the bucket "
        f"{outputs.get('FirmwareBucket')} and the secret {arguments.stack}/keys. "
        "docs/operations.md#destroying-the-data says how to delete them")


def ask(question: str) -> str:
    """Asks a question and returns the line that a person enters. It is empty if stdin has ended."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


if __name__ == "__main__":
    sys.exit(run("destroy", lambda: destroy(command.destroy().parse_args())))
