"""Whether what was deployed works: every function starts with what it is told, the table answers, nobody gets in for
nothing."""

import base64
import http.client
import json
import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from deployment import names
from deployment.aws import Aws
from deployment.problem import Problem, say

# An event of nobody. A function that starts says what is wrong with it, and does nothing.
NOBODY = {"methodArn": ""}
# What API Gateway asks the console for `GET /v1/health` (Amazon API Gateway Developer Guide, payload format 2.0).
HEALTH = {
    "version": "2.0",
    "rawPath": "/v1/health",
    "rawQueryString": "",
    "headers": {},
    "isBase64Encoded": False,
    "requestContext": {"http": {"method": "GET", "path": "/v1/health", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}},
}
# What API Gateway calls.
ALIAS = "live"
# How long an API may take to answer, in seconds.
PATIENCE = 30


def test(aws: Aws, outputs: dict[str, str], binaries: list[str]) -> None:
    """Tries everything, and says all that is wrong."""
    if aws.is_local:
        _move_aliases(aws, outputs["FunctionPrefix"], binaries)
    with ThreadPoolExecutor() as pool:
        problems = list(filter(None, pool.map(lambda binary: _started(aws, outputs["FunctionPrefix"], binary), binaries)))
    if "WebSocketUrl" in outputs:
        sockets, polls = outputs["WebSocketUrl"], f"{outputs['HttpUrl']}/v1/check-in"
        problems += _unknown(sockets, outputs.get("WebSocketDomainTarget")) or _tried(
            sockets, "a connection without a token", 401, upgrade=True)
        problems += _unknown(polls, outputs.get("HttpDomainTarget")) or _tried(
            polls, "a check-in without a token", 401, method="POST")
    if problems:
        raise Problem("it is deployed, and does not work:\n" + "\n".join(f"  {problem}" for problem in problems))
    say("the functions start, the table answers")


def _move_aliases(aws: Aws, prefix: str, binaries: list[str]) -> None:
    """Does what LocalStack's CloudFormation does not: another release is another version, which the alias moves to."""
    client = aws.client("lambda")
    for name in (f"{prefix}{binary}" for binary in binaries):
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)


def _started(aws: Aws, prefix: str, binary: str) -> str | None:
    """What is wrong with a function."""
    answer, failed, said = _invoke(aws, f"{prefix}{binary}", HEALTH if binary == "console" else NOBODY)
    if failed and str(answer.get("errorType", "")).startswith(("Runtime.", "Sandbox.")):
        return f"{prefix}{binary} does not start: {said or answer.get('errorMessage')}"
    if binary == "console" and answer.get("statusCode") != 200:
        return f"{prefix}{binary} says that it does not work: {answer.get('body', answer)}"
    return None


def _invoke(aws: Aws, name: str, event: dict) -> "tuple[dict, bool, str]":
    """A function's answer through its alias, whether that is an error, and the last line that it logged."""
    call = {"FunctionName": f"{name}:{ALIAS}", "Payload": json.dumps(event), "LogType": "Tail"}
    done = aws.client("lambda").invoke(**call)
    answer = json.load(done["Payload"])
    log = base64.b64decode(done.get("LogResult", "")).decode(errors="replace").splitlines()
    errors = [line.removeprefix("Error: ") for line in log if line.startswith("Error: ")]
    return (answer if isinstance(answer, dict) else {}), "FunctionError" in done, "".join(errors[-1:])


def _unknown(url: str, target: str | None) -> list[str]:
    """What is missing in DNS for a name of one's own, which must point to this."""
    name = urlsplit(url).hostname
    if target is None or names.is_known(name):
        return []
    return [f"{name} can't be found in DNS yet: its record must point to {target}. With that, run the same command again"]


def _tried(url: str, what: str, expected: int, method: str = "GET", upgrade: bool = False) -> list[str]:
    """What is wrong with the answer of an API."""
    parts = urlsplit(url)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"} if upgrade else {}
    if upgrade:
        headers["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    connection = http.client.HTTPSConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request(method, parts.path or "/", headers=headers)
        status = connection.getresponse().status
        return [] if status == expected else [f"{what} gets {status} from {url}, not {expected}"]
    except OSError as error:
        return [f"{url} can't be reached: {error}"]
    finally:
        connection.close()
