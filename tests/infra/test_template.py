"""The template as it is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from deployment import code
from deployment.template import TEMPLATE, load
from rules import RULES
from transformed import ROOT, of_type, text, transformed

# The settings that change what is in the template, besides the defaults.
SETTINGS = [{}, {"Rollout": "canary"}, {"ConsoleAuth": "iam", "WebSocketDomain": "nodes.example.com"}]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "+".join(settings.values()) or "defaults")
def test_nothing_breaks_the_rule(rule, settings):
    assert list(rule(transformed(**settings))) == []


def test_cfn_lint_has_nothing_to_say():
    linted = subprocess.run([Path(sys.executable).parent / "cfn-lint", TEMPLATE], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_the_table_is_the_one_that_runs_on_a_laptop_and_kept():
    (table,) = of_type(transformed(), "AWS::DynamoDB::Table").values()
    definition = json.loads((ROOT / "infra/table.json").read_text())
    assert {key: table[key] for key in definition} == definition
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_every_function_of_the_workspace_is_deployed():
    there = {folder.name for folder in (ROOT / "functions").iterdir()}
    functions = of_type(transformed(), "AWS::Lambda::Function").values()
    assert {text(function["FunctionName"]).removeprefix("${AWS::StackName}-") for function in functions} == there


def test_what_has_a_secret_is_told_no_more_of_it_than_it_needs():
    told = {}
    for name, function in of_type(transformed(), "AWS::Lambda::Function").items():
        keys = {variable for variable in function["Environment"]["Variables"] if variable.endswith("_KEYS")}
        if keys:
            told[name] = keys
    tokens, console = {"ROLLCALL_TOKEN_KEYS"}, {"ROLLCALL_CONSOLE_KEYS"}
    assert told == {"Authorize": tokens, "Poll": tokens, "Console": console}


def test_a_release_is_a_new_version_of_every_function_and_nothing_else():
    before, after = (set(transformed(Release=release * 64)["Resources"]) for release in "ab")
    functions = of_type(transformed(), "AWS::Lambda::Function")
    assert before - after == {f"{name}Versionaaaaaaaaaa" for name in functions}
    assert after - before == {f"{name}Versionbbbbbbbbbb" for name in functions}


def test_the_apis_call_the_alias_so_that_a_version_can_be_shifted_to_and_taken_back():
    template = transformed()
    aliases = of_type(template, "AWS::Lambda::Alias")
    calls = of_type(template, "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Authorizer", "AWS::Lambda::Permission")
    for name, call in calls.items():
        called = call.get("IntegrationUri") or call.get("AuthorizerUri") or call["FunctionName"]
        called = called["Fn::Sub"][1]["Alias"] if "Fn::Sub" in called else called
        assert called["Ref"] in aliases, name


def test_a_canary_is_taken_back_by_the_alarm_of_its_function():
    groups = of_type(transformed(Rollout="canary"), "AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == len(of_type(transformed(), "AWS::Lambda::Function"))
    for name, group in groups.items():
        function = name.removesuffix("DeploymentGroup")
        assert group["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": {"Ref": f"{function}Failed"}}]}
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert not of_type(transformed(), "AWS::CodeDeploy::DeploymentGroup")


def test_every_metric_that_is_looked_at_is_one_that_the_function_counts():
    template = transformed()
    binaries = code.functions(load())
    asked = set(_metrics(of_type(template, "AWS::CloudWatch::Alarm")))
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    widgets = re.findall(r'"Rollcall", "(\w+)", "Function", "\$\{(\w+)\}"', text(dashboard["DashboardBody"]))
    assert len(asked) > 3 and len(widgets) > 10
    # Every function has the alarm on refused tokens taken off its failures, and only one refuses any.
    asked -= {("RefusedTokens", function) for function in binaries if function != "Authorize"}
    asked -= {("Failures", "Authorize")}
    for metric, function in asked | set(widgets):
        own = (ROOT / "functions" / binaries[function] / "src").rglob("*.rs")
        sources = [*own, ROOT / "shared/aws/src/telemetry/line.rs"]
        counted = re.compile(rf'\b{metric} = |"{metric}"')
        assert any(counted.search(source.read_text()) for source in sources), f"{function} does not count {metric}"


def _metrics(value):
    """The metrics of ours in a part of the template, each with its function."""
    if isinstance(value, dict) and value.get("Namespace") == "Rollcall":
        (dimension,) = value["Dimensions"]
        yield value["MetricName"], dimension["Value"]["Ref"]
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _metrics(each)


def test_without_apis_nothing_of_api_gateway_is_left():
    template = transformed()
    assert template["Conditions"]["HasApis"] == {"Fn::Equals": [{"Ref": "ConnectionsUrl"}, ""]}
    apis = {name for name, resource in template["Resources"].items() if "ApiGatewayV2" in resource["Type"]}
    needs = [name for name, resource in template["Resources"].items() if apis & _references(resource)]
    for name in {*apis, *needs} - set(of_type(template, "AWS::Lambda::Function")):
        assert template["Resources"][name].get("Condition") in ("HasApis", "HasDomain"), name


def _references(value) -> set[str]:
    """The names of everything that a value refers to."""
    words = set(json.dumps(value).replace("${", '"').replace("}", '"').replace(".", '"').split('"'))
    return words


def test_a_node_may_bring_its_token_in_the_header_or_in_the_query():
    (authorizer,) = of_type(transformed(), "AWS::ApiGatewayV2::Authorizer").values()
    # API Gateway answers 401 by itself unless every identity source is there.
    assert (authorizer["AuthorizerType"], authorizer.get("IdentitySource")) == ("REQUEST", None)
    (connect,) = [route for route in of_type(transformed(), "AWS::ApiGatewayV2::Route").values() if route["RouteKey"] == "$connect"]
    assert connect["AuthorizationType"] == "CUSTOM"


def test_what_the_check_in_function_answers_reaches_the_node():
    template = transformed()
    responses = of_type(template, "AWS::ApiGatewayV2::RouteResponse").values()
    answered = {template["Resources"][response["RouteId"]["Ref"]]["Properties"]["RouteKey"] for response in responses}
    assert answered == {"$default"}
