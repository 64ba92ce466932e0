"""What `infra/deploy` does: deployment/arguments.py says what that is."""

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
    # Everything that can be refused is refused before anything is created.
    parameters.check_stack(arguments.stack)
    now = parameters.given(arguments.settings, template)
    aws = Aws(arguments.endpoint_url)
    if aws.is_local:
        now.setdefault("Architecture", "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64")
    stack, secret = Stack(aws, arguments.stack), f"{arguments.stack}/keys"
    read, kept = arguments.keys and keys.read(arguments.keys, aws), keys.stored(aws, secret)
    if not (read or kept):
        raise Problem("--keys FILE is needed the first time; docs/security.md shows such a file")
    if kept and not read:
        keys.check_kept(secret, kept[0])
    if not arguments.functions:
        code.check_tools(aws)
    before = stack.ready()
    told = parameters.values(template, before, now, {})
    parameters.check(template, told)
    names.check(told)
    check_account(aws, told)

    binaries = code.functions(template)
    folder = arguments.functions or code.build(aws, told["Architecture"], list(binaries.values()))
    packed = {name: code.pack(folder, binary, aws) for name, binary in binaries.items()}

    bucket = code.bucket(aws, arguments.stack)
    version = kept[1] if kept and read in (None, kept[0]) else keys.keep(aws, secret, read)
    uploads = {name: code.key(f"{binaries[name]}.zip", content) for name, content in packed.items()}
    told = parameters.values(template, before, now | {"KeysSecret": secret, "KeysVersion": version}, uploads)
    template = code.with_code(template, bucket.name, uploads)
    text = json.dumps(for_localstack(template, told) if aws.is_local else template).encode()
    key = code.key("template.json", text)
    code.upload(bucket, {uploads[name]: content for name, content in packed.items()} | {key: text})

    say(f"{'updating' if before else 'creating'} {arguments.stack}, release {told['Release'][:10]}")
    changed = stack.change(code.url(aws, bucket.name, key), told)
    say(f"{arguments.stack} is {'up to date' if changed else 'unchanged'}")
    outputs = stack.outputs()
    smoke.test(aws, outputs, list(binaries.values()))
    print("ready " + " ".join(f"{name}={value}" for name, value in sorted(outputs.items())), flush=True)


def check_account(aws: Aws, told: dict[str, str]) -> None:
    """API Gateway writes the access logs of WebSocket APIs with a role of the whole account, which no stack may take."""
    if told["ConnectionsUrl"] or aws.client("apigateway").get_account().get("cloudwatchRoleArn"):
        return
    raise Problem("API Gateway has no role for logs in this account; docs/operations.md#before-the-first-deployment makes one")


if __name__ == "__main__":
    sys.exit(run("deploy", lambda: deploy(command.deploy().parse_args())))
