"""Every rule notices what it is about: the template is broken in one place, and one rule says so."""

import pytest
import rules
from transformed import transformed


def _set(*path):
    """Sets a property of a resource, or takes it away."""
    *path, value = path

    def break_it(resources):
        place = resources
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return break_it


def _allow(name, action, resource, **more):
    """Lets a policy allow one thing more."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return lambda resources: resources[name]["Properties"]["PolicyDocument"]["Statement"].append(statement)


def _add(name, type, **properties):
    return lambda resources: resources.update({name: {"Type": type, "Properties": properties}})


NODES = {"Fn::GetAtt": ["Nodes", "Arn"]}
BROKEN = [
    (rules.wildcard_actions, _allow("PollPolicy", "dynamodb:*", NODES)),
    (rules.wildcard_actions, _allow("PollPolicy", ["dynamodb:GetItem", "dynamodb:Batch*"], NODES)),
    (rules.wildcard_actions, _set("PollRole", "Properties", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"])),
    (rules.wildcard_resources, _allow("PollPolicy", "dynamodb:GetItem", "*")),
    (rules.wildcard_resources, _allow("PollPolicy", "dynamodb:GetItem", {"Fn::Sub": "${Nodes.Arn}/index/*"})),
    (rules.wildcard_resources, _allow("PollPolicy", "s3:GetObject", {"Fn::If": ["HasApis", "*", {"Ref": "AWS::NoValue"}]})),
    (rules.wildcard_resources, _allow("PollPolicy", "s3:GetObject", {"Fn::Sub": "arn:aws:s3:::*${Firmware.Arn}/*"})),
    (rules.public_access, _allow("FirmwarePolicy", "s3:GetObject", "*", Principal="*")),
    (rules.public_access, _allow("FirmwarePolicy", "s3:GetObject", "*", Principal={"AWS": ["*"]})),
    (rules.public_access, _set("Firmware", "Properties", "PublicAccessBlockConfiguration", None)),
    (rules.public_access, _set("Firmware", "Properties", "PublicAccessBlockConfiguration", "BlockPublicPolicy", False)),
    (rules.public_access, _set("Firmware", "Properties", "OwnershipControls", None)),
    (rules.public_access, _set("ConnectPermission", "Properties", "SourceArn", None)),
    (rules.public_access, _set("ConnectPermission", "Properties", "SourceArn", "arn:aws:execute-api:*")),
    (rules.public_access, _set("ConnectPermission", "Properties", "Principal", "*")),
    (rules.public_access, _set("SweepPermission", "Properties", "SourceArn", {"Fn::GetAtt": ["Sweep", "Arn"]})),
    (rules.public_access, _add("Way", "AWS::Lambda::Url", AuthType="AWS_IAM")),
    (rules.public_access, _set("ConnectRoute", "Properties", "AuthorizationType", None)),
    (rules.public_access, _set("PollCheckInRoute", "Properties", "RouteKey", "ANY /{proxy+}")),
    (rules.missing_tls, _set("FirmwarePolicy", "Properties", "PolicyDocument", "Statement", 0, "Condition", None)),
    (rules.missing_tls, _set("FirmwarePolicy", "Properties", "Bucket", "another")),
    (rules.missing_tls, _add("AnotherQueue", "AWS::SQS::Queue", SqsManagedSseEnabled=True)),
    (rules.other_accounts, _set("PollPolicy", "Properties", "PolicyDocument", "Statement", 2, "Condition", None)),
    (rules.other_accounts, _allow("ConsolePolicy", "s3:PutObject", {"Fn::GetAtt": ["Firmware", "Arn"]})),
    (rules.missing_encryption, _set("Nodes", "Properties", "SSESpecification", None)),
    (rules.missing_encryption, _set("Firmware", "Properties", "BucketEncryption", None)),
    (rules.missing_encryption, _add("AnotherQueue", "AWS::SQS::Queue")),
    (rules.missing_encryption, _set("Domain", "Properties", "DomainNameConfigurations", 0, "SecurityPolicy", "TLS_1_0")),
    (rules.missing_encryption, _set("HttpDomainName", "Properties", "DomainNameConfigurations", 0, "SecurityPolicy", "TLS_1_0")),
    (rules.missing_retention, _set("Nodes", "DeletionPolicy", None)),
    (rules.missing_retention, _set("Firmware", "UpdateReplacePolicy", "Delete")),
    (rules.missing_retention, _set("Nodes", "Properties", "DeletionProtectionEnabled", None)),
    (rules.missing_retention, _set("Nodes", "Properties", "PointInTimeRecoverySpecification", None)),
    (rules.missing_retention, _set("Firmware", "Properties", "VersioningConfiguration", None)),
    (rules.missing_retention, _set("CheckInLogs", "Properties", "RetentionInDays", None)),
    (rules.functions_without, _set("CheckInFailed", "Type", "AWS::CloudWatch::CompositeAlarm")),
    (rules.functions_without, _set("CheckInThrottled", "Properties", "Dimensions", 0, "Value", {"Ref": "Poll"})),
    (rules.functions_without, _set("CheckIn", "Properties", "LoggingConfig", "LogGroup", None)),
    (rules.functions_without, _set("CheckIn", "Properties", "Role", {"Fn::GetAtt": ["ConsoleRole", "Arn"]})),
    (rules.functions_without, _set("CheckIn", "Properties", "Timeout", None)),
    (rules.open_stages, _set("HttpStage", "Properties", "DefaultRouteSettings", "ThrottlingRateLimit", None)),
    (rules.open_stages, _set("WebSocketStage", "Properties", "DefaultRouteSettings", "DataTraceEnabled", True)),
    (rules.open_stages, _set("WebSocketStage", "Properties", "DefaultRouteSettings", "LoggingLevel", "INFO")),
    (rules.open_stages, _set("WebSocketStage", "Properties", "AccessLogSettings", "Format", "$context.requestId $request.querystring.token")),
    (rules.open_stages, _set("HttpStage", "Properties", "AccessLogSettings", None)),
    (rules.open_stages, _set("HttpStage", "Properties", "AccessLogSettings", "Format", "$context.requestId $context.path")),
    (rules.open_stages, _set("WebSocketStage", "Properties", "RouteSettings", "$default", "ThrottlingBurstLimit", None)),
    (rules.open_stages, _set("WebSocketStage", "Properties", "RouteSettings", "$connect", "DataTraceEnabled", True)),
    (rules.shared_throttles, _set("HttpStage", "Properties", "RouteSettings", None)),
    (rules.shared_throttles, _set("HttpStage", "Properties", "RouteSettings", "ANY /v1/{proxy+}", None)),
    (rules.shared_throttles, _set("HttpStage", "Properties", "RouteSettings", "GET /v1/nowhere", {"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 1})),
    (rules.shared_throttles, _set("HttpStage", "Properties", "RouteSettings", "ANY /v1/{proxy+}", "ThrottlingRateLimit", {"Ref": "PollsPerSecond"})),
    (rules.shared_throttles, _set("WebSocketStage", "Properties", "RouteSettings", "$connect", "ThrottlingBurstLimit", {"Ref": "MessagesPerSecond"})),
    (rules.shared_throttles, _set("WebSocketStage", "DependsOn", ["ConnectRoute", "DefaultRoute"])),
    (rules.used_up_account, _set("WebSocketStage", "Properties", "RouteSettings", "$disconnect", "ThrottlingRateLimit", 1000)),
    (rules.used_up_account, _set("WebSocketStage", "Properties", "RouteSettings", "$connect", "ThrottlingRateLimit", 500)),
    (rules.used_up_account, _set("WebSocketStage", "Properties", "RouteSettings", "$default", "ThrottlingBurstLimit", 3000)),
    (rules.used_up_account, _set("HttpStage", "Properties", "RouteSettings", "POST /v1/check-in", "ThrottlingRateLimit", 8000)),
    (rules.bypassed_names, _set("HttpApi", "Properties", "DisableExecuteApiEndpoint", None)),
    (rules.bypassed_names, _set("WebSocketApi", "Properties", "DisableExecuteApiEndpoint", True)),
    (rules.bypassed_names, _set("HttpDomainMapping", None)),
    (rules.bypassed_names, _set("Console", "Properties", "Environment", "Variables", "ROLLCALL_CONNECTIONS_URL",
                                {"Fn::Sub": "https://${WebSocketApi}.execute-api.${AWS::Region}.amazonaws.com/v1"})),
    (rules.unexplained_alarms, _set("NodesGone", "Properties", "AlarmDescription", "Look at it: docs/operations.md#no-such-section")),
    (rules.unexplained_alarms, _set("NodesGone", "Properties", "AlarmDescription", None)),
    (rules.unexplained_alarms, _set("NodesGone", "Properties", "AlarmActions", None)),
    (rules.secrets_in_sight, _set("Authorize", "Properties", "Environment", "Variables", "ROLLCALL_TOKEN_KEYS", '{"keys": []}')),
]


@pytest.mark.parametrize(("rule", "break_it"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_broken_is_noticed(rule, break_it):
    template = transformed(WebSocketDomain="nodes.example.com", HttpDomain="api.example.com", DefaultEndpoints="off")
    break_it(template["Resources"])
    noticed = {each.__name__ for each in rules.RULES if list(each(template))}
    assert rule.__name__ in noticed


def test_every_rule_is_tried():
    assert {rule for rule, _ in BROKEN} == set(rules.RULES)
