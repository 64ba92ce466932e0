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
from transformed import ROOT, decided, of_type, text, transformed

# The functions' names in the workspace, by those in the template.
BINARIES = code.functions(load())
# The settings that change what is in the template, besides the defaults.
OWN_NAMES = {"WebSocketDomain": "nodes.example.com", "HttpDomain": "api.example.com"}
SETTINGS = [{}, {"Rollout": "canary"}, {"ConsoleAuth": "iam", **OWN_NAMES}, {"DefaultEndpoints": "off", **OWN_NAMES}]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "+".join(settings.values()) or "defaults")
def test_nothing_breaks_the_rule(rule, settings):
    assert list(rule(transformed(**settings))) == []


def test_cfn_lint_has_nothing_to_say():
    linted = subprocess.run([Path(sys.executable).parent / "cfn-lint", TEMPLATE], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_the_tables_are_those_that_run_on_a_laptop():
    tables = of_type(transformed(), "AWS::DynamoDB::Table")
    assert set(tables) == {"Nodes", "Records"}
    for name, table in tables.items():
        definition = json.loads((ROOT / f"infra/{name.lower()}.json").read_text())
        assert {key: table[key] for key in definition} == definition


def test_nodes_are_streamed_and_records_are_forgotten_in_time():
    tables = of_type(transformed(), "AWS::DynamoDB::Table")
    assert tables["Nodes"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert "TimeToLiveSpecification" not in tables["Nodes"]
    assert tables["Records"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert "StreamSpecification" not in tables["Records"]


def test_the_table_of_records_has_the_name_that_the_functions_derive():
    tables = of_type(transformed(), "AWS::DynamoDB::Table")
    assert text(tables["Records"]["TableName"]) == "${AWS::StackName}-records"
    assert text(tables["Nodes"]["TableName"]) == "${AWS::StackName}"


def test_the_policy_of_a_queue_names_that_queue_and_no_other():
    named = [
        ([queue["Ref"] for queue in policy["Queues"]], [each["Resource"] for each in policy["PolicyDocument"]["Statement"]])
        for policy in of_type(transformed(), "AWS::SQS::QueuePolicy").values()
    ]
    assert named
    for queues, resources in named:
        (queue,) = queues
        assert resources == [{"Fn::GetAtt": [queue, "Arn"]}]


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
    asked = set(_metrics(of_type(template, "AWS::CloudWatch::Alarm")))
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    widgets = re.findall(r'"Rollcall", "(\w+)", "Function", "\$\{(\w+)\}"(?:, "reason", "([\w-]+)")?', text(dashboard["DashboardBody"]))
    assert len(asked) > 3 and len(widgets) > 10
    # Every function has the alarm on refused tokens taken off its failures, and only one refuses any.
    asked -= {("RefusedTokens", function, "") for function in BINARIES if function != "Authorize"}
    asked -= {("Failures", "Authorize", "")}
    for metric, function, reason in asked | set(widgets):
        assert written(BINARIES[function], rf'\b{metric} = |"{metric}"'), f"{function} does not count {metric}"
        assert not reason or (metric == "Refusals" and is_a_reason(reason)), f"nothing is refused for {reason}"


# The files of shared/service that write the lines of each function.
SERVICE = {
    "authorize": [],
    "connect": ["connect.rs"],
    "check-in": ["message.rs"],
    "disconnect": ["disconnect.rs"],
    "poll": ["poll.rs"],
    "cutover": ["cutover.rs", "cutover/noting.rs"],
    "console": ["console/handle.rs", "console/push.rs"],
    "sweep": ["sweep.rs"],
    "feed": ["feed.rs"],
    "deliver": ["deliver.rs"],
}


def written(binary: str, pattern: str) -> bool:
    """Whether this is in the code of a function, or of what writes its lines."""
    own = (ROOT / "functions" / binary / "src").rglob("*.rs")
    service = [ROOT / "shared/service/src" / file for file in SERVICE[binary]]
    sources = [*own, *service, ROOT / "shared/aws/src/telemetry/line.rs"]
    return any(re.search(pattern, source.read_text()) for source in sources)


def is_a_reason(reason: str) -> bool:
    """Whether a refusal may have this name: one of the rules', or of what is told to a node by the name of its variant."""
    variant = "".join(word.capitalize() for word in reason.split("-"))
    rules, said = (ROOT / f"shared/{source}" for source in ("core/src/settle.rs", "wire/src/server.rs"))
    return f'"{reason}"' in rules.read_text() or re.search(rf"\b{variant}\b", said.read_text()) is not None


def _metrics(value):
    """The metrics of ours in a part of the template, each with its function, and the reason if it is counted by that."""
    if isinstance(value, dict) and value.get("Namespace") == "Rollcall":
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in value["Dimensions"]}
        assert set(dimensions) in ({"Function"}, {"Function", "reason"})
        yield value["MetricName"], dimensions["Function"]["Ref"], dimensions.get("reason", "")
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _metrics(each)


def test_without_apis_nothing_of_api_gateway_is_left():
    template = transformed()
    assert template["Conditions"]["HasApis"] == {"Fn::Equals": [{"Ref": "ConnectionsUrl"}, ""]}
    apis = {name for name, resource in template["Resources"].items() if "ApiGatewayV2" in resource["Type"]}
    needs = [name for name, resource in template["Resources"].items() if apis & _references(resource)]
    for name in {*apis, *needs} - set(of_type(template, "AWS::Lambda::Function")):
        assert template["Resources"][name].get("Condition") in ("HasApis", "HasDomain", "HasHttpDomain", "HasCutover"), name


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


def test_every_function_knows_a_node_s_budget_and_what_checks_tokens_knows_what_they_must_say():
    told = {name: function["Environment"]["Variables"] for name, function in of_type(transformed(), "AWS::Lambda::Function").items()}
    assert all(variables["ROLLCALL_BUDGET"] == {"Ref": "NodeBudget"} for variables in told.values())
    for variable in ("ROLLCALL_TOKEN_AUDIENCE", "ROLLCALL_TOKEN_LIFE_MAX_S"):
        assert {name for name, variables in told.items() if variable in variables} == {"Authorize", "Poll"}


@pytest.mark.parametrize(
    ("holds", "url"),
    [
        (set(), "${ConnectionsUrl}"),
        ({"HasApis"}, "https://${WebSocketApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${StageName}"),
        # The name of one's own may have no record yet.
        ({"HasApis", "HasDomain"}, "https://${WebSocketApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${StageName}"),
        ({"HasApis", "HasDomain", "HasOwnNamesOnly"}, "https://${WebSocketDomain}"),
    ],
)
def test_connections_are_reached_where_they_are_and_allowed_by_the_api_whatever_its_name(holds, url):
    template = transformed()
    there = [function["Environment"]["Variables"]["ROLLCALL_CONNECTIONS_URL"] for function in of_type(template, "AWS::Lambda::Function").values()]
    there.append(template["Outputs"]["ConnectionsUrl"]["Value"])
    assert {text(decided(each, holds)) for each in there} == {url}
    allowed = {resource for policy in of_type(template, "AWS::IAM::Policy").values() for statement in policy["PolicyDocument"]["Statement"]
               if statement["Action"] == "execute-api:ManageConnections" for resource in [text(statement["Resource"])]}
    stage = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebSocketApi}/${StageName}"
    assert allowed == {f"{stage}/{method}/@connections/*" for method in ("POST", "DELETE")}


def test_who_replaces_a_connection_may_say_so_and_close_it():
    policies = of_type(transformed(), "AWS::IAM::Policy").values()
    for function in ("Connect", "CheckIn", "Console"):
        own = "".join(json.dumps(policy["PolicyDocument"]) for policy in policies if {"Ref": f"{function}Role"} in policy["Roles"])
        assert "/POST/@connections/*" in own and "/DELETE/@connections/*" in own and "/GET/@connections/" not in own, function


RUNBOOK = (ROOT / "docs/operations.md").read_text()
# A query of CloudWatch Logs Insights as the runbook has it: `insights GROUP… <<'QUERY'`.
QUERIES = re.findall(r"(?m)^insights ([\w ]+) <<'QUERY'\n((?:.+\n)+?)QUERY$", RUNBOOK)


@pytest.mark.parametrize(("groups", "query"), QUERIES, ids=[query.splitlines()[0] for _, query in QUERIES])
def test_what_the_runbook_looks_for_is_in_the_lines_that_are_written(groups, query):
    compared = re.findall(r'\b(\w+) = "?([\w-]+)', query)
    grouped = re.search(r"\bby (.+)", query)[1].split(", ")
    assert compared
    for group in groups.split():
        for field in [*(field for field, _ in compared), *grouped, *re.findall(r"count_distinct\((\w+)\)", query)]:
            assert is_written(group, field), f"no line of {group} has {field}"
    for field, value in compared:
        if field == "reason":
            assert is_a_reason(value)
        elif field in ("outcome", "message"):
            assert any(written(BINARIES[group], f'"{value}"') for group in groups.split())


def is_written(group: str, field: str) -> bool:
    """Whether the lines of a function, or of the access log, have a field."""
    if group == "access":
        return f'"{field}":' in of_type(transformed(), "AWS::ApiGatewayV2::Stage")["WebSocketStage"]["AccessLogSettings"]["Format"]
    return field == "message" or written(BINARIES[group], rf"\b{field} = |[( %]{field},")


@pytest.mark.parametrize(("section", "alarm"), [("One node sends too much", "NodesSendTooMuch"), ("Two devices with one token", "TokensShared")])
def test_what_is_behind_an_alarm_on_a_node_is_found_by_a_query(section, alarm):
    (found,) = re.findall(rf"(?ms)^## {section}$(.*?)^## ", RUNBOOK)
    assert re.search(r"(?m)^insights .+<<'QUERY'$", found) and " by node" in found
    counted = {metric for metric, _, _ in _metrics(of_type(transformed(), "AWS::CloudWatch::Alarm")[alarm])}
    assert all(re.search(rf"\b{metric} = 1\b", found) for metric in counted), counted
