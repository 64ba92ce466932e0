"""The template, for those who don't know AWS::LanguageExtensions."""

import json

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"


def expand(template: dict) -> dict:
    """The template without its Fn::ForEach, as that transform would leave it: LocalStack's forgets what else is in an
    Fn::Sub (tried with 4.9.2), and the SAM translator never looks at it."""
    transforms = [transform for transform in template["Transform"] if transform != LANGUAGE_EXTENSIONS]
    return {**template, "Transform": transforms, "Resources": _resources(template["Resources"])}


def _resources(resources: dict) -> dict:
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
    """A reference by a computed name, which only that transform allows, as one by the name."""
    if isinstance(name := value.get("Ref"), dict):
        return {"Ref": name["Fn::Sub"]}
    return value
