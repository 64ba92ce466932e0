"""The command `infra/deploy`. deployment/arguments.py describes it."""

import argparse
import json
import platform
import sys

from deployment import arguments as command
from deployment import code, keys, names, parameters, smoke
from deployment.aws import Aws
from deployment.problem import Problem, run, say
from deployment.stack import Stack
from deployment.template import load, for_localstack


def deploy(arguments: argparse.Namespace) -> None:
    template = load()
    # All checks come before the first resource is created.
    parameters.check_stack(arguments.stack)
    settings = parameters.given(arguments.settings, template)
    aws = Aws(arguments.endpoint_url)
    if aws.is_local:
        settings.setdefault("Architecture", "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64")
    stack, secret = Stack(aws, arguments.stack), f"{arguments.stack}/keys"
    new_keys, stored = arguments.keys and keys.read(arguments.keys, aws), keys.stored(aws, secret)
    if not (new_keys or stored):
        raise Problem("--keys FILE is needed the first time; docs/security.md shows such a file")
    if stored and not new_keys:
        keys.check_kept(secret, stored[0])
    if not arguments.functions:
        code.check_tools(aws)
    before = stack.ready()
    values = parameters.values(template, before, settings, {})
    parameters.check(template, values)
    names.check(values)
    check_account(aws, values)

    binaries = code.functions(template)
    folder = arguments.functions or code.build(aws, values["Architecture"], list(binaries.values()))
    packed = {name: code.pack(folder, binary, aws) for name, binary in binaries.items()}

    bucket = code.bucket(aws, arguments.stack)
    version = stored[1] if stored and new_keys in (None, stored[0]) else keys.keep(aws, secret, new_keys)
    uploads = {name: code.key(f"{binaries[name]}.zip", content) for name, content in packed.items()}
    values = parameters.values(template, before, settings | {"KeysSecret": secret, "KeysVersion": version}, uploads)
    template = code.with_code(template, bucket.name, uploads)
    text = json.dumps(for_localstack(template, values) if aws.is_local else template).encode()
    key = code.key("template.json", text)
    code.upload(bucket, {uploads[name]: content for name, content in packed.items()} | {key: text})

    say(f"{'updating' if before else 'creating'} {arguments.stack}, release {values['Release'][:10]}")
    changed = stack.change(code.url(aws, bucket.name, key), values)
    say(f"{arguments.stack} is {'up to date' if changed else 'unchanged'}")
    outputs = stack.outputs()
    smoke.test(aws, outputs, list(binaries.values()))
    print("ready " + " ".join(f"{name}={value}" for name, value in sorted(outputs.items())), flush=True)


def check_account(aws: Aws, values: dict[str, str]) -> None:
    """Checks that API Gateway has a role for the access logs of WebSocket APIs. That role is a setting of the whole
    account, so no stack may set it."""
    if values["ConnectionsUrl"] or aws.client("apigateway").get_account().get("cloudwatchRoleArn"):
        return
    raise Problem("API Gateway has no role for logs in this account; docs/operations.md#before-the-first-deployment makes one")


if __name__ == "__main__":
    sys.exit(run("deploy", lambda: deploy(command.deploy().parse_args())))
