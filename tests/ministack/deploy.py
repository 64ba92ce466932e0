"""`infra/deploy` to a MiniStack, with the APIs, which LocalStack can't make. The arguments are those of `infra/deploy`.
Only the template is another: lacks.py says how, and why."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "infra"))

import deploy
from deployment import arguments
from deployment.aws import Aws
from deployment.problem import run

import lacks

# docs/operations.md#before-the-first-deployment: whoever owns an account gives it such a role.
LOGS_ROLE = {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::000000000000:role/logs-of-apis"}


def main(chosen: argparse.Namespace) -> None:
    Aws(chosen.endpoint_url).client("apigateway").update_account(patchOperations=[LOGS_ROLE])
    # What infra/deploy does for LocalStack's errors, it does not do here.
    deploy.for_localstack = lambda template, values: lacks.for_ministack(template, values, chosen.endpoint_url)
    deploy.deploy(chosen)


if __name__ == "__main__":
    options = arguments.deploy("tests/ministack/deploy").parse_args()
    sys.exit(run("deploy", lambda: main(options)))
