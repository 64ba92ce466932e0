"""The parameters of the stack: their checks and their values."""

import hashlib
import json
import re

from deployment.problem import Problem

# The parameters that infra/deploy sets by itself.
OWN = ("KeysSecret", "KeysVersion", "Release")
# The name of a stack. A bucket's name has at most 63 characters (Amazon S3, "Bucket naming rules"); 37 of them come
# after the stack's name. The table has the stack's name, which must have at least 3 characters (Amazon DynamoDB,
# "Naming rules").
STACK = re.compile(r"[a-z][a-z0-9-]{2,25}")


# The budget of a node must be at least this many times its check-ins: a node also sends results and questions, and
# repeats check-ins.
ROOM = 4


def check_stack(name: str) -> None:
    if not STACK.fullmatch(name):
        raise Problem(f"--stack {name}: it must be 3 to 26 small letters, digits and hyphens, and begin with a letter")


def given(settings: list[str], template: dict) -> dict[str, str]:
    """The parameters of the settings NAME=VALUE, checked against the template. Raises one Problem with all mistakes."""
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
    """What the value must be. None if the value is allowed."""
    allowed = [str(each) for each in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"one of {', '.join(allowed)}"
    if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value):
        return parameter["Description"]
    if parameter["Type"] != "Number":
        return None
    least, most = parameter.get("MinValue", float("-inf")), parameter.get("MaxValue", float("inf"))
    # A parameter whose minimum is not a whole number takes fractions.
    is_whole = isinstance(least, int)
    if not re.fullmatch(r"\d+" if is_whole else r"\d+(\.\d+)?", value):
        return "a whole number" if is_whole else "a number"
    if least <= float(value) <= most:
        return None
    return f"from {least} to {most}" if most < float("inf") else f"at least {least}"


def check(template: dict, values: dict[str, str]) -> None:
    """Refuses values that the template's rules refuse. CloudFormation would refuse them only after the bucket and
    the secret were created. Also checks what the rules of a template can't express."""
    for rule in template["Rules"].values():
        if _evaluated(rule["RuleCondition"], values):
            for each in rule["Assertions"]:
                if not _evaluated(each["Assert"], values):
                    raise Problem(f"--set: {each['AssertDescription']}")
    budget, check_ins = float(values["NodeBudget"]), 60 / float(values["CheckInEvery"])
    if budget < ROOM * check_ins:
        raise Problem(
            f"--set: NodeBudget={budget:g} is too little for nodes that are told to check in {check_ins:g} times a "
            f"minute (CheckInEvery={values['CheckInEvery']}): it must be at least {ROOM * check_ins:g}, because nodes "
            "also send other messages"
        )


def _evaluated(expression: "dict | str", values: dict[str, str]) -> "str | bool":
    """The value of an expression of Ref, Fn::Not and Fn::Equals, the functions in the template's rules."""
    if isinstance(expression, str):
        return expression
    ((function, operand),) = expression.items()
    if function == "Ref":
        return values[operand]
    arguments = [_evaluated(each, values) for each in operand]
    return {"Fn::Not": lambda: not arguments[0], "Fn::Equals": lambda: arguments[0] == arguments[1]}[function]()


def values(template: dict, before: dict[str, str], now: dict[str, str], code: dict[str, str]) -> dict[str, str]:
    """The value of every parameter: the one that is given now, else the one before, else the default. The release is
    a hash of all of them and of the code."""
    known = template["Parameters"]
    defaults = {name: str(parameter["Default"]) for name, parameter in known.items() if "Default" in parameter}
    values = defaults | {name: value for name, value in before.items() if name in known and name != "Release"} | now
    release = hashlib.sha256(json.dumps([values, code], sort_keys=True).encode()).hexdigest()
    return values | {"Release": release}
