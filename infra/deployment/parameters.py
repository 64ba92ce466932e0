"""The stack's parameters: what they may be, and what they are."""

import hashlib
import json
import re

from deployment.problem import Problem

# What infra/deploy finds out by itself.
OWN = ("KeysSecret", "KeysVersion", "Release")
# The bucket's name has 63 characters at most (Amazon S3, "Bucket naming rules"), and 37 of them are not this; the table's,
# which is this, has 3 at least (Amazon DynamoDB, "Naming rules").
STACK = re.compile(r"[a-z][a-z0-9-]{2,25}")


# How many times what a node is told to say it may say: results, questions, and check-ins that are sent again.
ROOM = 4


def check_stack(name: str) -> None:
    if not STACK.fullmatch(name):
        raise Problem(f"--stack {name}: it must be 3 to 26 small letters, digits and hyphens, and begin with a letter")


def given(settings: list[str], template: dict) -> dict[str, str]:
    """The parameters in NAME=VALUE, each of which the template must take. Every mistake is reported at once."""
    problems, values = [], {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        parameter = template["Parameters"].get(name)
        if not equals or parameter is None or name in OWN:
            settable = sorted(set(template["Parameters"]) - set(OWN))
            problems.append(f"--set {setting}: it must be NAME=VALUE, with one of the names {', '.join(settable)}")
        elif problem := _problem(value, parameter):
            problems.append(f"--set {setting}: it must be {problem}")
        values[name] = value
    if problems:
        raise Problem("\n".join(problems))
    return values


def _problem(value: str, parameter: dict) -> str | None:
    """What the value must be and is not."""
    allowed = [str(each) for each in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"one of {', '.join(allowed)}"
    if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value):
        return parameter["Description"]
    if parameter["Type"] != "Number":
        return None
    least, most = parameter.get("MinValue", float("-inf")), parameter.get("MaxValue", float("inf"))
    # What may be a part of one may also be less than one.
    is_whole = isinstance(least, int)
    if not re.fullmatch(r"\d+" if is_whole else r"\d+(\.\d+)?", value):
        return "a whole number" if is_whole else "a number"
    if least <= float(value) <= most:
        return None
    return f"from {least} to {most}" if most < float("inf") else f"at least {least}"


def check(template: dict, values: dict[str, str]) -> None:
    """Refuses what the template's rules refuse, which CloudFormation would after the bucket and the secret were made; and
    what rules can't say."""
    for rule in template["Rules"].values():
        if _evaluated(rule["RuleCondition"], values):
            for each in rule["Assertions"]:
                if not _evaluated(each["Assert"], values):
                    raise Problem(f"--set: {each['AssertDescription']}")
    budget, told = float(values["NodeBudget"]), 60 / float(values["CheckInEvery"])
    if budget < ROOM * told:
        raise Problem(
            f"--set: NodeBudget={budget:g} is too little for nodes that are told to check in {told:g} times a minute "
            f"(CheckInEvery={values['CheckInEvery']}): it must be at least {ROOM * told:g}, for what else they say"
        )


def _evaluated(expression: "dict | str", values: dict[str, str]) -> "str | bool":
    """What an expression comes to, of the functions that the template's rules are made of."""
    if isinstance(expression, str):
        return expression
    ((function, of),) = expression.items()
    if function == "Ref":
        return values[of]
    arguments = [_evaluated(each, values) for each in of]
    return {"Fn::Not": lambda: not arguments[0], "Fn::Equals": lambda: arguments[0] == arguments[1]}[function]()


def values(template: dict, before: dict[str, str], now: dict[str, str], code: dict[str, str]) -> dict[str, str]:
    """Every parameter: as it is given now, or was before, or by default; and what that and the code make for a release."""
    known = template["Parameters"]
    defaults = {name: str(parameter["Default"]) for name, parameter in known.items() if "Default" in parameter}
    values = defaults | {name: value for name, value in before.items() if name in known and name != "Release"} | now
    release = hashlib.sha256(json.dumps([values, code], sort_keys=True).encode()).hexdigest()
    return values | {"Release": release}
