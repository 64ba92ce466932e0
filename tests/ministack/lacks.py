"""What MiniStack can't do that AWS does, each with its reason: the changes to the template without which MiniStack can't
create it, and the tests of `everywhere` that it can't pass. Everything else of the template is deployed as it is.

Run as a program, it prints the names of those tests.

Some of its lacks change nothing here, but limit what its answers prove. It enforces no policy and no throttle. It writes
no access log. It tries a failed batch of the stream for ever, and whole, whatever MaximumRetryAttempts and
BisectBatchOnFunctionError say. It takes one batch of a FIFO queue at a time. An authorizer without an identity source
looks for a token in the header only, so a token in the query is refused. One mistake is mended: mended.py."""

import json
import re
from collections.abc import Callable

# requirements.txt pins this release. What another can do has to be tried again.
VERSION = "1.5.33"


def no_route_responses(template: dict, _values: dict, _endpoint: str) -> dict:
    """Its CloudFormation refuses AWS::ApiGatewayV2::RouteResponse ("Unrecognized resource types"). It sends the answer
    of a function to the node whether there is one or not."""
    return _without(template, lambda resource: resource["Type"] == "AWS::ApiGatewayV2::RouteResponse")


def no_metric_math(template: dict, _values: dict, _endpoint: str) -> dict:
    """Its CloudFormation refuses alarms with an expression over several metrics ("metric math is not supported")."""
    return _without(template, lambda resource: "Metrics" in resource.get("Properties", {}))


def releases_as_text(template: dict, values: dict, _endpoint: str) -> dict:
    """It expands the functions before it knows the parameters, and refuses AutoPublishCodeSha256 when that is a
    reference ("must be a string")."""

    def written(value: dict) -> dict:
        return value | {"AutoPublishCodeSha256": values["Release"]} if "AutoPublishCodeSha256" in value else value

    return json.loads(json.dumps(template), object_hook=written)


def addresses_on_loopback(template: dict, _values: dict, endpoint: str) -> dict:
    """Its APIs have no name in DNS and no certificate. It serves them below a path of its own endpoint."""
    named = re.compile(r"(http|ws)s?://\$\{(\w+)}\.execute-api\.\$\{AWS::Region}\.\$\{AWS::URLSuffix}")
    place = endpoint.removeprefix("http://") + "/_aws/execute-api"
    return json.loads(named.sub(rf"\1://{place}/${{\2}}", json.dumps(template)))


CHANGES = [no_route_responses, no_metric_math, releases_as_text, addresses_on_loopback]

# Tests of `everywhere`, and why MiniStack can't pass them.
TESTS = {
    "a_token_that_is_not_valid_opens_nothing":
        "It answers 500 when the authorizer raises Unauthorized; API Gateway answers 401.",
    "a_revoked_node_is_refused_and_what_it_still_says_is_not_stored":
        "A connection that is deleted while its message is handled gets the answer of the function before it is closed. "
        "API Gateway closes it at once.",
    "each_bad_message_gets_its_code_and_the_connection_goes_on":
        "A message that is nested 20,000 levels deep ends the connection, since its JSON parser gives up on it (a "
        "RecursionError); API Gateway sends what it can't read to $default.",
}


def for_ministack(template: dict, values: dict, endpoint: str) -> dict:
    """The template with all changes, for these values of its parameters and the MiniStack at this endpoint."""
    for change in CHANGES:
        template = change(template, values, endpoint)
    return template


def _without(template: dict, is_one: Callable[[dict], bool]) -> dict:
    """The template without some resources, and without what names them: dependencies, and alarms that end a rollout."""
    gone = {name for name, resource in template["Resources"].items() if is_one(resource)}

    def cleaned(value: dict) -> dict:
        if isinstance(names := value.get("DependsOn"), list):
            value = value | {"DependsOn": [name for name in names if name not in gone]}
        if isinstance(alarms := value.get("Alarms"), list):
            value = value | {"Alarms": [alarm for alarm in alarms if alarm.get("Ref") not in gone]}
        return value

    kept = {name: resource for name, resource in template["Resources"].items() if name not in gone}
    return json.loads(json.dumps({**template, "Resources": kept}), object_hook=cleaned)


if __name__ == "__main__":
    print("\n".join(TESTS))
