"""The template as CloudFormation sees it: expanded, and transformed by the SAM translator."""

import copy
import os
from functools import cache
from pathlib import Path

from deployment import code
from deployment.template import load
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
# The translator names partitions by it.
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
# What has no default.
REQUIRED = {"KeysSecret": "rollcall/keys", "KeysVersion": "1" * 32, "Release": "0" * 64}


def transformed(**parameters: str) -> dict:
    """The resources and the rest, with these parameters and the defaults of the others. Its caller may change it."""
    return copy.deepcopy(_transformed(tuple(sorted(parameters.items()))))


@cache
def _transformed(parameters: tuple) -> dict:
    template = load()
    template = code.with_code(template, "bucket", code.functions(template))
    try:
        return Translator({}, Parser()).translate(template, REQUIRED | dict(parameters))
    except InvalidDocumentException as error:
        raise AssertionError("; ".join(cause.message for cause in error.causes)) from error


def of_type(template: dict, *types: str) -> dict:
    """The properties of the resources of these types, by name."""
    resources = template["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in resources if resource["Type"] in types}


def alternatives(value) -> list:
    """Everything that a value may be, whatever the conditions are."""
    if isinstance(value, dict) and list(value) == ["Fn::If"]:
        return [each for branch in value["Fn::If"][1:] for each in alternatives(branch)]
    if isinstance(value, list):
        return [each for item in value for each in alternatives(item)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def decided(value, holds: set[str]):
    """What a value is when these conditions hold, and no others."""
    if isinstance(value, dict) and list(value) == ["Fn::If"]:
        condition, then, otherwise = value["Fn::If"]
        return decided(then if condition in holds else otherwise, holds)
    return value


def text(value) -> str:
    """A value as text, in which what is only known later stays as it is written."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Sub":
        return text(argument)
    if function == "Fn::GetAtt":
        return f"${{{'.'.join(argument)}}}"
    if function == "Ref":
        return f"${{{argument}}}"
    raise AssertionError(f"{value} is no text that these tests can read")
