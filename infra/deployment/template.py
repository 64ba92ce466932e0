"""Reads the template and expands its loops."""

import json
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"


def load() -> dict:
    """The template with Fn::ForEach and AWS::Include expanded, as the transforms of AWS would do it. LocalStack's
    transform loses parts of an Fn::Sub (tried with 4.9.2), and this way AWS and LocalStack get the same template."""
    template = _included(yaml_parse(TEMPLATE.read_text()))
    transforms = [transform for transform in template["Transform"] if transform != LANGUAGE_EXTENSIONS]
    return {**template, "Transform": transforms, "Resources": _resources(template["Resources"])}


def for_localstack(template: dict, parameters: dict[str, str]) -> dict:
    """The template, changed for two errors of LocalStack's CloudFormation (4.9.2). It passes numbers as text, which
    its own CloudWatch refuses: so the numbers replace the references to parameters. It fails when a function gets
    another version: so `AutoPublishCodeSha256` stays the same."""
    numbers = {name for name, parameter in template["Parameters"].items() if parameter["Type"] == "Number"}

    def simpler(value: dict) -> dict | float:
        name = value.get("Ref")
        if isinstance(name, str) and name in numbers:
            return json.loads(parameters[name])
        if "AutoPublishCodeSha256" in value:
            return value | {"AutoPublishCodeSha256": "0" * 64}
        return value

    return json.loads(json.dumps(template), object_hook=simpler)


def _included(value):
    """A part of the template, with the contents of the files that it includes."""
    if isinstance(value, list):
        return [_included(each) for each in value]
    if not isinstance(value, dict):
        return value
    rest = {name: _included(each) for name, each in value.items() if name != "Fn::Transform"}
    if transform := value.get("Fn::Transform"):
        rest |= json.loads((TEMPLATE.parent / transform["Parameters"]["Location"]).read_text())
    return rest


def _resources(resources: dict) -> dict:
    """The resources, with each Fn::ForEach expanded."""
    expanded = {}
    for name, resource in resources.items():
        if not name.startswith("Fn::ForEach::"):
            expanded[name] = resource
            continue
        identifier, collection, body = resource
        for value in collection:
            text = json.dumps(body).replace(f"${{{identifier}}}", value)
            expanded |= json.loads(text, object_hook=_reference)
    return expanded


def _reference(value: dict) -> dict:
    """A Ref whose name is computed by Fn::Sub, which only AWS::LanguageExtensions allows, as a Ref by that name."""
    if isinstance(name := value.get("Ref"), dict):
        return {"Ref": name["Fn::Sub"]}
    return value
