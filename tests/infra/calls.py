"""What each function called while the whole-system tests ran, beside what its policy grants: no more, and no less.

`cargo verify embedded` runs it, after the tests have noted their calls in the folder ROLLCALL_CALLS."""

import os
from pathlib import Path

import pytest

from deployment import code
from deployment.template import load
from transformed import of_type, text, transformed

# What a policy names, in the words of the notes (tests/src/calls.rs).
NODES, INDEX, RECORDS, IMAGES = "${Nodes.Arn}", "${Nodes.Arn}/index/", "${Records.Arn}", "${Firmware.Arn}/*"
FUNCTIONS = code.functions(load())
# What Lambda reads and writes with a function's role: the function's source, and where it says what it gave up. Calls of
# SQS pass no proxy, so that they are not noted.
NOT_NOTED = {"${Nodes.StreamArn}", "${Discarded.Arn}", "${Queue.Arn}", "${DeadLetters.Arn}"}


def noted() -> dict[str, set[str]]:
    """The calls, by function."""
    lines = {line for file in Path(os.environ["ROLLCALL_CALLS"]).iterdir() for line in file.read_text().splitlines()}
    calls: dict[str, set[str]] = {}
    for line in lines:
        function, call = line.split(" ", 1)
        calls.setdefault(function, set()).add(call)
    return calls


def granted(function: str, template: dict) -> set[str]:
    """What a function may call: all but its log, its source and its queues."""
    policies = of_type(template, "AWS::IAM::Policy").values()
    own = [policy["PolicyDocument"] for policy in policies if {"Ref": f"{function}Role"} in policy["Roles"]]
    statements = [statement for document in own for statement in document["Statement"]]
    return {f"{action} {word(resource)}" for each in statements for action in many(each["Action"])
            for resource in many(each["Resource"]) if text(resource) not in NOT_NOTED}


def many(value) -> list:
    return value if isinstance(value, list) else [value]


def word(resource) -> str:
    """A resource in the words of the notes."""
    resource = text(resource)
    if "/@connections/" in resource:
        return resource.split("/")[-3]
    if resource.startswith(INDEX):
        return f"nodes/index/{resource.removeprefix(INDEX)}"
    return {NODES: "nodes", RECORDS: "records", IMAGES: "firmware"}[resource]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_call_what_it_calls_and_nothing_else(function):
    called, allowed = noted().get(FUNCTIONS[function], set()), granted(function, transformed())
    assert not called - allowed, f"{function} calls what its policy does not grant"
    assert not allowed - called, f"{function}'s policy grants what it never calls"


def test_only_functions_call():
    assert set(noted()) <= set(FUNCTIONS.values())
