"""What MiniStack created from the template, read back: both APIs, and what moves events from the table to endpoints.

ROLLCALL_MINISTACK_URL names the MiniStack, ROLLCALL_MINISTACK_STACK the stack."""

import json
import os
import sys
from functools import cache
from pathlib import Path
from urllib.request import urlopen

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "infra"))

from deployment.aws import Aws

import lacks

URL, STACK = os.environ["ROLLCALL_MINISTACK_URL"], os.environ["ROLLCALL_MINISTACK_STACK"]
CLIENT = cache(Aws(URL).client)
FUNCTIONS = "arn:aws:lambda:us-east-1:000000000000:function"


def alias(function: str) -> str:
    return f"{FUNCTIONS}:{STACK}-{function}:live"


def wrapped(function: str) -> str:
    """How a WebSocket API names the alias of a function."""
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{alias(function)}/invocations"


def limit(parameter: str) -> tuple[int, int]:
    """The rate and the burst that a parameter of the stack sets."""
    (stack,) = CLIENT("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    values = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    return int(values[parameter]), int(values[parameter])


def api(name: str) -> dict:
    """The API of the stack with this name, which is the only one."""
    (found,) = [each for each in CLIENT("apigatewayv2").get_apis()["Items"] if each["Name"] == f"{STACK}-{name}"]
    return found


def targets(api_id: str) -> dict[str, str]:
    """What each route of an API invokes."""
    client = CLIENT("apigatewayv2")
    uris = {each["IntegrationId"]: each["IntegrationUri"] for each in client.get_integrations(ApiId=api_id)["Items"]}
    routes = client.get_routes(ApiId=api_id)["Items"]
    return {route["RouteKey"]: uris[route["Target"].removeprefix("integrations/")] for route in routes}


def stage(api_id: str, name: str) -> dict:
    """A stage, as MiniStack writes it: the names of its limits begin with capitals, so the AWS SDK reads none."""
    with urlopen(f"{URL}/v2/apis/{api_id}/stages/{name}") as answer:
        return json.load(answer)


def limits(stage: dict) -> dict[str, tuple[int, int]]:
    """The rate and the burst of each route of a stage, and of the others."""
    settings = {"others": stage["defaultRouteSettings"], **stage["routeSettings"]}
    return {
        route: (int(each["ThrottlingRateLimit"]), int(each["ThrottlingBurstLimit"])) for route, each in settings.items()
    }


def mapping(function: str) -> dict:
    """The event source mapping of a function, which has one."""
    every = CLIENT("lambda").list_event_source_mappings()["EventSourceMappings"]
    (found,) = [each for each in every if each["FunctionArn"] == alias(function)]
    return found


def callers(function: str) -> list[tuple[str, str]]:
    """Which services may invoke a function, and for which of their resources."""
    policy = json.loads(CLIENT("lambda").get_policy(FunctionName=f"{STACK}-{function}", Qualifier="live")["Policy"])
    sources = [each["Condition"]["ArnLike"]["AWS:SourceArn"] for each in policy["Statement"]]
    return list(zip([each["Principal"]["Service"] for each in policy["Statement"]], sources, strict=True))


def queue(name: str) -> dict[str, str]:
    """The attributes of the queue with this name after the stack's."""
    client = CLIENT("sqs")
    url = client.get_queue_url(QueueName=f"{STACK}{name}")["QueueUrl"]
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_the_websocket_api_invokes_the_function_of_each_route_and_no_other():
    found = api("nodes")
    assert (found["ProtocolType"], found["RouteSelectionExpression"]) == ("WEBSOCKET", "$request.body.type")
    assert not found["DisableExecuteApiEndpoint"]
    assert targets(found["ApiId"]) == {
        "$connect": wrapped("connect"), "$disconnect": wrapped("disconnect"), "$default": wrapped("check-in"),
    }


def test_the_authorizer_decides_who_connects_and_nothing_else():
    client, api_id = CLIENT("apigatewayv2"), api("nodes")["ApiId"]
    (authorizer,) = client.get_authorizers(ApiId=api_id)["Items"]
    assert (authorizer["AuthorizerType"], authorizer["AuthorizerUri"]) == ("REQUEST", wrapped("authorize"))
    routes = {route["RouteKey"]: route for route in client.get_routes(ApiId=api_id)["Items"]}
    authorized = {key: (route["AuthorizationType"], route.get("AuthorizerId")) for key, route in routes.items()}
    assert authorized == {
        "$connect": ("CUSTOM", authorizer["AuthorizerId"]), "$disconnect": ("NONE", None), "$default": ("NONE", None),
    }
    # Whoever sends a message wants its answer.
    assert routes["$default"]["RouteResponseSelectionExpression"] == "$default"


def test_each_route_of_the_websocket_stage_has_its_own_limit():
    found = stage(api("nodes")["ApiId"], "v1")
    assert found["autoDeploy"]
    assert limits(found) == {
        "others": (100, 100), "$connect": limit("ConnectsPerSecond"), "$default": limit("MessagesPerSecond"),
        "$disconnect": (10000, 5000),
    }


def test_the_http_api_invokes_the_function_of_each_route_and_no_other():
    found = api("http")
    assert found["ProtocolType"] == "HTTP"
    assert targets(found["ApiId"]) == {
        "POST /v1/check-in": alias("poll"),
        "GET /v1/configs/{sha256}": alias("poll"),
        "GET /v1/firmware/{version}": alias("poll"),
        "ANY /v1/{proxy+}": alias("console"),
    }
    integrations = CLIENT("apigatewayv2").get_integrations(ApiId=found["ApiId"])["Items"]
    assert {each["PayloadFormatVersion"] for each in integrations} == {"2.0"}


def test_each_route_of_the_http_stage_has_its_own_limit():
    found = stage(api("http")["ApiId"], "$default")
    assert found["autoDeploy"]
    assert limits(found) == {
        "others": (100, 100),
        "POST /v1/check-in": limit("PollsPerSecond"),
        "GET /v1/configs/{sha256}": limit("DownloadsPerSecond"),
        "GET /v1/firmware/{version}": limit("DownloadsPerSecond"),
        "ANY /v1/{proxy+}": limit("ConsoleRequestsPerSecond"),
    }


@pytest.mark.parametrize(("name", "kind"), [("nodes", "v1"), ("http", "$default")])
def test_the_access_logs_of_a_stage_have_a_group_and_no_token(name: str, kind: str):
    settings = stage(api(name)["ApiId"], kind)["accessLogSettings"]
    group = settings["destinationArn"].removesuffix(":*").split(":log-group:")[1]
    assert group == f"/rollcall/{STACK}/access"
    groups = CLIENT("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [each["logGroupName"] for each in groups] == [group]
    assert not {"header", "path", "query"} & set(settings["format"].lower().replace(".", " ").split())


def test_the_console_answers_through_the_http_api():
    (stack,) = CLIENT("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    (http,) = [each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "HttpUrl"]
    with urlopen(f"{http}/v1/health") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


def test_feed_gets_what_changed_in_batches_and_what_it_cannot_handle_is_kept():
    table = CLIENT("dynamodb").describe_table(TableName=STACK)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    found = mapping("feed")
    assert found["EventSourceArn"] == table["LatestStreamArn"]
    assert [json.loads(each["Pattern"]) for each in found["FilterCriteria"]["Filters"]] == [
        {"dynamodb": {"NewImage": {"m": {"S": [{"exists": True}]}}}}, {"eventName": ["REMOVE"]},
    ]
    settings = {name: found[name] for name in ("State", "StartingPosition", "BatchSize", "BisectBatchOnFunctionError")}
    assert settings == {
        "State": "Enabled", "StartingPosition": "TRIM_HORIZON", "BatchSize": 100, "BisectBatchOnFunctionError": True,
    }
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # For more than an hour, and no age at which a batch is given up before.
    assert (found["MaximumRetryAttempts"], found.get("MaximumRecordAgeInSeconds")) == (100, None)
    discarded = queue("-discarded")
    assert found["DestinationConfig"]["OnFailure"]["Destination"] == discarded["QueueArn"]
    assert discarded["MessageRetentionPeriod"] == "1209600"


def test_the_main_queue_keeps_the_order_and_what_nobody_can_read_goes_to_the_dead_letters():
    main, dead = queue(".fifo"), queue("-dead-letters.fifo")
    assert (main["FifoQueue"], dead["FifoQueue"]) == ("true", "true")
    assert (main["DeduplicationScope"], main["FifoThroughputLimit"]) == ("messageGroup", "perMessageGroupId")
    redrive = json.loads(main["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead["QueueArn"], 1000)
    deliver = CLIENT("lambda").get_function_configuration(FunctionName=f"{STACK}-deliver", Qualifier="live")
    # AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": six times.
    assert int(main["VisibilityTimeout"]) >= 6 * deliver["Timeout"]
    assert {main["SqsManagedSseEnabled"], dead["SqsManagedSseEnabled"]} == {"true"}


def test_deliver_reports_which_messages_of_a_batch_it_could_not_deliver():
    found = mapping("deliver")
    assert found["EventSourceArn"] == queue(".fifo")["QueueArn"]
    assert (found["State"], found["BatchSize"]) == ("Enabled", 10)
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_functions_are_told_the_queues_that_were_created():
    def url(name: str) -> str:
        return CLIENT("sqs").get_queue_url(QueueName=f"{STACK}{name}")["QueueUrl"]

    def told(function: str, variable: str) -> str:
        found = CLIENT("lambda").get_function_configuration(FunctionName=f"{STACK}-{function}", Qualifier="live")
        return found["Environment"]["Variables"][variable]

    for function in ("console", "feed", "deliver"):
        assert told(function, "ROLLCALL_QUEUE_URL") == url(".fifo"), function
    assert told("feed", "ROLLCALL_DISCARDED_URL") == url("-discarded")
    assert told("deliver", "ROLLCALL_DEAD_LETTERS_URL") == url("-dead-letters.fifo")


def test_the_sweep_and_rollouts_are_called_every_minute_and_not_again_if_they_fail():
    client = CLIENT("events")
    for name, function in [("sweep", "sweep"), ("rollouts", "console")]:
        rule = client.describe_rule(Name=f"{STACK}-{name}")
        assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
        (target,) = client.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        assert (target["Arn"], target["RetryPolicy"]["MaximumRetryAttempts"]) == (alias(function), 0)
        assert ("events.amazonaws.com", rule["Arn"]) in callers(function)
    assert len(callers("sweep")) == 1


def test_each_api_may_invoke_its_functions_and_nothing_else_may():
    sockets, http = api("nodes")["ApiId"], api("http")["ApiId"]
    (authorizer,) = CLIENT("apigatewayv2").get_authorizers(ApiId=sockets)["Items"]
    executed = "arn:aws:execute-api:us-east-1:000000000000"
    rollouts = ("events.amazonaws.com", CLIENT("events").describe_rule(Name=f"{STACK}-rollouts")["Arn"])
    for function, source in [
        ("authorize", f"{sockets}/authorizers/{authorizer['AuthorizerId']}"),
        ("connect", f"{sockets}/v1/$connect"),
        ("disconnect", f"{sockets}/v1/$disconnect"),
        ("check-in", f"{sockets}/v1/$default"),
        ("poll", f"{http}/*/*/v1/*"),
        ("console", f"{http}/*/*/v1/*"),
    ]:
        others = [caller for caller in callers(function) if (function, caller) != ("console", rollouts)]
        assert others == [("apigateway.amazonaws.com", f"{executed}:{source}")], function


def test_the_release_that_is_pinned_is_the_one_whose_lacks_are_known():
    pinned = (Path(__file__).with_name("requirements.txt")).read_text()
    assert f"ministack=={lacks.VERSION} " in pinned
