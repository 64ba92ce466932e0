"""What must hold of every resource. Each rule says where it does not."""

import json
import re
from collections.abc import Iterator

from transformed import ROOT, alternatives, decided, of_type, text

# Where a name is not known before it is used, with what it is preceded by.
UNKNOWN_NAMES = (":log-stream:*", "/@connections/*", "${Firmware.Arn}/*")
# What AWS wrote for its own service, which alone may assume the role.
MANAGED_POLICIES = ("policy/service-role/AWSCodeDeployRoleForLambda",)
# Routes without an authorizer, and why not.
OPEN_ROUTES = {
    "$disconnect": "a connection that was let in ends",
    "$default": "a connection that was let in says something; or a node polls a legacy endpoint, which says who it is",
    "POST /v1/check-in": "the function checks the node's token",
    "GET /v1/configs/{sha256}": "the function checks the node's token",
    "GET /v1/firmware/{version}": "the function checks the node's token",
    "ANY /v1/{proxy+}": "the function checks the console's key",
}
# What an access log may hold: neither headers nor the query, in which there are tokens; nor the path, which may be 10 KB.
LOGGED = re.compile(
    r"\$context\.(requestId|eventType|routeKey|status|connectionId|error\.message|integrationStatus"
    r"|integrationLatency|identity\.sourceIp|authorizer\.(node|status))$"
)
LIMITS = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
# What an account has for all of its APIs in a region: requests a second and at once, and new connections a second (Amazon
# API Gateway Developer Guide, "Quotas"). A quarter of it is left for @connections, without which nobody is told anything.
ACCOUNT, CONNECTS, LEFT = (10_000, 5_000), 500, 0.25
POLICIES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy")


def statements(template: dict) -> Iterator[tuple[str, dict]]:
    """Every statement that allows something, with the resource that it is in."""
    for name, properties in of_type(template, *POLICIES, "AWS::S3::BucketPolicy").items():
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[key] for key in ("PolicyDocument", "AssumeRolePolicyDocument") if key in properties]
        for document in documents:
            for statement in alternatives(document["Statement"]):
                if statement["Effect"] == "Allow":
                    yield name, statement


def wildcard_actions(template: dict) -> Iterator[str]:
    for name, statement in statements(template):
        for action in alternatives(statement.get("Action", "*")):
            if "*" in action or ":" not in action:
                yield f"{name} allows {action}"
    for name, properties in of_type(template, *POLICIES).items():
        for policy in alternatives(properties.get("ManagedPolicyArns", [])):
            if not text(policy).endswith(MANAGED_POLICIES):
                yield f"{name} has the managed policy {text(policy)}"


def wildcard_resources(template: dict) -> Iterator[str]:
    for name, statement in statements(template):
        if "Principal" in statement:
            continue
        for resource in map(text, alternatives(statement.get("Resource", "*"))):
            if "*" in resource.removesuffix("*") or (resource.endswith("*") and not resource.endswith(UNKNOWN_NAMES)):
                yield f"{name} allows it on {resource}"


def public_access(template: dict) -> Iterator[str]:
    for name, statement in statements(template):
        if "*" in json.dumps(statement.get("Principal", "")):
            yield f"{name} lets everybody in"
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        for what in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
            if blocked.get(what) is not True:
                yield f"{name} has no {what}"
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{name} may hold what is another account's"
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        source = permission.get("SourceArn", "*")
        # A rule of this template, or a route of an API of it.
        is_rule = isinstance(source, dict) and source.get("Fn::GetAtt", [""])[0] in of_type(template, "AWS::Events::Rule")
        is_one = is_rule or re.search(r":\$\{\w+\}/[^:]+$", text(source))
        if permission["Principal"] == "*" or not is_one:
            yield f"{name} lets more in than one API or rule"
    for name in of_type(template, "AWS::Lambda::Url"):
        yield f"{name} is a way in besides the APIs"
    for name, route in of_type(template, "AWS::ApiGatewayV2::Route").items():
        if "NONE" in alternatives(route.get("AuthorizationType", "NONE")) and route["RouteKey"] not in OPEN_ROUTES:
            yield f"{name} asks nobody who calls {route['RouteKey']}"


def missing_tls(template: dict) -> Iterator[str]:
    policies = of_type(template, "AWS::S3::BucketPolicy").values()
    for name in of_type(template, "AWS::S3::Bucket"):
        own = [policy["PolicyDocument"]["Statement"] for policy in policies if policy["Bucket"] == {"Ref": name}]
        if not any(_denies_plain(statement, name) for each in own for statement in each):
            yield f"{name} is served without TLS"


    documents = [json.dumps(each) for each in of_type(template, "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy").values()]
    for name in of_type(template, "AWS::SQS::Queue", "AWS::SNS::Topic"):
        if not any(json.dumps({"Ref": name}) in each and '"aws:SecureTransport": "false"' in each for each in documents):
            yield f"{name} is served without TLS"


def other_accounts(template: dict) -> Iterator[str]:
    """A bucket's name says nothing of whose it is: what may use one says whose it must be."""
    mine = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    for name, statement in statements(template):
        uses_buckets = any(action.startswith("s3:") for action in alternatives(statement["Action"]))
        if uses_buckets and "Principal" not in statement and statement.get("Condition") != mine:
            yield f"{name} reaches buckets of other accounts"


def _denies_plain(statement: dict, bucket: str) -> bool:
    return (
        (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and sorted(map(text, statement["Resource"])) == [f"${{{bucket}.Arn}}", f"${{{bucket}.Arn}}/*"]
    )


def missing_encryption(template: dict) -> Iterator[str]:
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield f"{name} has no key"
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        if not bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration"):
            yield f"{name} is not encrypted"
    for name, queue in of_type(template, "AWS::SQS::Queue", "AWS::SNS::Topic").items():
        if not (queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId")):
            yield f"{name} is not encrypted"
    for name, domain in of_type(template, "AWS::ApiGatewayV2::DomainName").items():
        if any(each.get("SecurityPolicy") != "TLS_1_2" for each in domain["DomainNameConfigurations"]):
            yield f"{name} takes old TLS"


def missing_retention(template: dict) -> Iterator[str]:
    for name, resource in template["Resources"].items():
        if resource["Type"] in DATA and (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != (
            "Retain",
            "Retain",
        ):
            yield f"{name} goes with the stack"
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        if table.get("DeletionProtectionEnabled") is not True:
            yield f"{name} can be deleted"
        if table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is not True:
            yield f"{name} can't be restored"
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        if bucket.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            yield f"{name} forgets what is overwritten"
    for name, group in of_type(template, "AWS::Logs::LogGroup").items():
        if "RetentionInDays" not in group:
            yield f"{name} is kept for ever"


def functions_without(template: dict) -> Iterator[str]:
    """A role, a log or an alarm of its own, which every function has."""
    groups, roles = of_type(template, "AWS::Logs::LogGroup"), []
    watched = {json.dumps(metric) for alarm in of_type(template, "AWS::CloudWatch::Alarm").values() for metric in _metrics(alarm)}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            yield f"{name} has no log group here"
        if function["Role"] in roles:
            yield f"{name} shares its role"
        roles.append(function["Role"])
        for metric in ("Errors", "Throttles"):
            if json.dumps(["AWS/Lambda", metric, [{"Name": "FunctionName", "Value": {"Ref": name}}]]) not in watched:
                yield f"{name} has no alarm on {metric}"
        for setting in ("MemorySize", "Timeout"):
            if setting not in function:
                yield f"{name} has no {setting}"


def _metrics(alarm: dict) -> list:
    metrics = [alarm] if "MetricName" in alarm else []
    metrics += [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    return [[metric["Namespace"], metric["MetricName"], metric["Dimensions"]] for metric in metrics]


def open_stages(template: dict) -> Iterator[str]:
    for name, stage in of_type(template, "AWS::ApiGatewayV2::Stage").items():
        for settings in (stage.get("DefaultRouteSettings", {}), *_route_settings(stage).values()):
            if not set(LIMITS) <= set(settings):
                yield f"{name} is not throttled"
            if settings.get("DataTraceEnabled", False) or settings.get("LoggingLevel", "OFF") != "OFF":
                yield f"{name} logs what is said"
        logged = re.findall(r"\$[\w.]+", stage.get("AccessLogSettings", {}).get("Format", ""))
        if not logged:
            yield f"{name} has no access log"
        yield from (f"{name} logs {field}" for field in logged if not LOGGED.match(field))


def shared_throttles(template: dict) -> Iterator[str]:
    """Every route has limits of its own, which it shares only with routes that lead to the same function."""
    users: dict[str, set[str]] = {}
    for name, stage in template["Resources"].items():
        if stage["Type"] != "AWS::ApiGatewayV2::Stage":
            continue
        settings = _route_settings(stage["Properties"])
        routes = _routes(template, stage["Properties"]["ApiId"])
        for key in set(settings) - set(routes):
            yield f"{name} has limits of {key}, which is no route"
        for key, (route, target) in routes.items():
            if key not in settings:
                yield f"{name} has no limits of {key}"
            # API Gateway refuses a stage with settings of a route that it does not have.
            elif route not in stage.get("DependsOn", []):
                yield f"{name} does not wait for {route}"
            for limit in (settings.get(key, {}).get(which) for which in LIMITS):
                users.setdefault(json.dumps(limit), set()).add(target)
    yield from (f"{limit} is the limit of {sorted(targets)}" for limit, targets in users.items() if len(targets) > 1)


def used_up_account(template: dict) -> Iterator[str]:
    """What all routes take together leaves some of what the account has. What closes is bounded by what was opened, and
    never turned away: API Gateway says it once."""
    taken = dict.fromkeys(LIMITS, 0)
    for stage in of_type(template, "AWS::ApiGatewayV2::Stage").values():
        for key, settings in _route_settings(stage).items():
            # What is off by default takes nothing by default.
            if settings != stage["RouteSettings"][key]:
                continue
            limits = [_by_default(template, settings.get(which, 0)) for which in LIMITS]
            if key == "$disconnect" and limits != list(ACCOUNT):
                yield "closed connections are turned away"
            if key == "$connect" and limits[0] >= CONNECTS:
                yield "no new connections are left for others"
            if key != "$disconnect":
                taken = {which: taken[which] + limit for which, limit in zip(LIMITS, limits)}
    for (which, sum_of_all), has in zip(taken.items(), ACCOUNT):
        if sum_of_all > (1 - LEFT) * has:
            yield f"{sum_of_all} of {has} are taken by default: {which}"


def _route_settings(stage: dict) -> dict[str, dict]:
    """The settings of each route, also of those that a condition adds."""
    return {key: alternatives(settings)[0] for key, settings in stage.get("RouteSettings", {}).items()}


def _routes(template: dict, api: dict) -> dict[str, tuple[str, str]]:
    """The names and targets of an API's routes, by their keys."""
    routes = of_type(template, "AWS::ApiGatewayV2::Route").items()
    return {route["RouteKey"]: (name, text(route["Target"])) for name, route in routes if route["ApiId"] == api}


def _by_default(template: dict, value) -> float:
    return template["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value


def bypassed_names(template: dict) -> Iterator[str]:
    """Where there are names of one's own, those that API Gateway gave can be taken away; and then nothing uses them."""
    given, taken_away = {"HasApis", "HasDomain", "HasHttpDomain"}, {"HasApis", "HasDomain", "HasHttpDomain", "HasOwnNamesOnly"}
    mapped = [mapping["ApiId"] for mapping in of_type(template, "AWS::ApiGatewayV2::ApiMapping").values()]
    for name, api in of_type(template, "AWS::ApiGatewayV2::Api").items():
        if {"Ref": name} not in mapped:
            yield f"{name} has no name of one's own"
        if [decided(api.get("DisableExecuteApiEndpoint"), holds) for holds in (given, taken_away)] != [False, True]:
            yield f"{name} is reached past its own name"
    values = {f"output {name}": output["Value"] for name, output in template["Outputs"].items()}
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        values |= {f"{name}'s {key}": value for key, value in function["Environment"]["Variables"].items()}
    for name, value in values.items():
        if ".execute-api." in json.dumps(decided(value, taken_away)):
            yield f"{name} is a name that was taken away"


def unexplained_alarms(template: dict) -> Iterator[str]:
    runbook = (ROOT / "docs/operations.md").read_text()
    sections = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"(?m)^#+ (.+)$", runbook)}
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        linked = re.search(r"^(?:.+[.:] )+.*docs/operations\.md#([\w-]+)$", alarm.get("AlarmDescription", ""))
        if not linked or linked[1] not in sections:
            yield f"{name} does not say what to do"
        if "AlarmActions" not in alarm:
            yield f"{name} tells nobody"


def secrets_in_sight(template: dict) -> Iterator[str]:
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        for variable, value in function["Environment"]["Variables"].items():
            if variable.endswith("_KEYS") and not text(value).startswith("{{resolve:secretsmanager:"):
                yield f"{name} has {variable} from elsewhere"


RULES = [
    wildcard_actions,
    wildcard_resources,
    public_access,
    missing_tls,
    other_accounts,
    missing_encryption,
    missing_retention,
    functions_without,
    open_stages,
    shared_throttles,
    used_up_account,
    bypassed_names,
    unexplained_alarms,
    secrets_in_sight,
]
