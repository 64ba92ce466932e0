"""Checks that a deployment works: every function starts with its settings, the table answers, and the APIs refuse
requests without a token."""

import base64
import http.client
import json
import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from deployment import names
from deployment.aws import Aws
from deployment.problem import Problem, say

# An event that names no node and no request. Every function answers it, with an error, and does nothing.
PROBE = {"methodArn": ""}
# The event of `GET /v1/health` for the console (Amazon API Gateway Developer Guide, payload format 2.0).
HEALTH = {
    "version": "2.0",
    "rawPath": "/v1/health",
    "rawQueryString": "",
    "headers": {},
    "isBase64Encoded": False,
    "requestContext": {"http": {"method": "GET", "path": "/v1/health", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}},
}
# The alias that API Gateway invokes.
ALIAS = "live"
# How long an API may take to answer, in seconds.
TIMEOUT = 30


def test(aws: Aws, outputs: dict[str, str], binaries: list[str]) -> None:
    """Makes all checks. Raises one Problem with everything that is wrong."""
    if aws.is_local:
        _move_aliases(aws, outputs["FunctionPrefix"], binaries)
    with ThreadPoolExecutor() as pool:
        checks = pool.map(lambda binary: _function_problem(aws, outputs["FunctionPrefix"], binary), binaries)
        problems = list(filter(None, checks))
    if "WebSocketUrl" in outputs:
        sockets, polls = outputs["WebSocketUrl"], f"{outputs['HttpUrl']}/v1/check-in"
        problems += _dns_problems(sockets, outputs.get("WebSocketDomainTarget")) or _answer_problems(
            sockets, "a connection without a token", 401, upgrade=True)
        problems += _dns_problems(polls, outputs.get("HttpDomainTarget")) or _answer_problems(
            polls, "a check-in without a token", 401, method="POST")
    if problems:
        raise Problem("the deployment does not work:\n" + "\n".join(f"  {problem}" for problem in problems))
    say("the functions start, the table answers")


def _move_aliases(aws: Aws, prefix: str, binaries: list[str]) -> None:
    """Publishes a version of each function and moves the alias to it, which LocalStack's CloudFormation does not do."""
    client = aws.client("lambda")
    for name in (f"{prefix}{binary}" for binary in binaries):
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)


def _function_problem(aws: Aws, prefix: str, binary: str) -> str | None:
    """The problem of a function, if it has one."""
    answer, failed, last_error = _invoke(aws, f"{prefix}{binary}", HEALTH if binary == "console" else PROBE)
    if failed and str(answer.get("errorType", "")).startswith(("Runtime.", "Sandbox.")):
        return f"{prefix}{binary} does not start: {last_error or answer.get('errorMessage')}"
    if binary == "console" and answer.get("statusCode") != 200:
        return f"{prefix}{binary} reports a failure: {answer.get('body', answer)}"
    return None


def _invoke(aws: Aws, name: str, event: dict) -> "tuple[dict, bool, str]":
    """The answer of a function through its alias, whether that is an error, and the last error that it logged."""
    call = {"FunctionName": f"{name}:{ALIAS}", "Payload": json.dumps(event), "LogType": "Tail"}
    output = aws.client("lambda").invoke(**call)
    answer = json.load(output["Payload"])
    log = base64.b64decode(output.get("LogResult", "")).decode(errors="replace").splitlines()
    errors = [line.removeprefix("Error: ") for line in log if line.startswith("Error: ")]
    return (answer if isinstance(answer, dict) else {}), "FunctionError" in output, "".join(errors[-1:])


def _dns_problems(url: str, target: str | None) -> list[str]:
    """The problem of a custom name, whose DNS record must point to `target`. There is none without a target."""
    name = urlsplit(url).hostname
    if target is None or names.is_known(name):
        return []
    advice = f"create a record that points to {target}, and run the same command again"
    return [f"{name} can't be found in DNS yet: {advice}"]


def _answer_problems(url: str, what: str, expected: int, method: str = "GET", upgrade: bool = False) -> list[str]:
    """The problem with the answer of an API, which must have the status `expected`."""
    parts = urlsplit(url)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"} if upgrade else {}
    if upgrade:
        headers["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    # Only an emulator on this machine serves its APIs without TLS.
    is_plain = parts.scheme in ("http", "ws")
    connection = (http.client.HTTPConnection if is_plain else http.client.HTTPSConnection)(parts.netloc, timeout=TIMEOUT)
    try:
        connection.request(method, parts.path or "/", headers=headers)
        status = connection.getresponse().status
        return [] if status == expected else [f"{what} gets {status} from {url}, not {expected}"]
    except OSError as error:
        return [f"{url} can't be reached: {error}"]
    finally:
        connection.close()
