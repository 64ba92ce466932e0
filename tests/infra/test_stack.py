"""What CloudFormation says of a change, as whoever deploys is told it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber
from deployment.problem import Problem
from deployment.stack import Stack

CHANGE_SET = "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/r1/1"
STACK_ID = "arn:aws:cloudformation:eu-west-1:111122223333:stack/rollcall/1"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
SAYS_NOTHING = "Validation failed with 2 error(s). Call DescribeEvents with OperationId for details"


@pytest.fixture
def cloudformation():
    """A client whose calls and answers are held to CloudFormation's own model."""
    client = boto3.client("cloudformation", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def stack(client) -> Stack:
    return Stack(SimpleNamespace(is_local=True, client=lambda _: client), "rollcall")


def described(status: str) -> dict:
    return {"Stacks": [{"StackName": "rollcall", "CreationTime": NOW, "StackStatus": status}]}


def event(**more) -> dict:
    return {"EventId": "1", "StackId": STACK_ID, "OperationId": "1", "Timestamp": NOW, **more}


def refuse(stubber: Stubber, reason: str) -> None:
    """A change set of a stack that is there, which fails."""
    stubber.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    stubber.add_response("create_change_set", {"Id": CHANGE_SET})
    stubber.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": reason})


def told(client) -> str:
    with pytest.raises(Problem) as problem:
        stack(client).change("https://code/template.json", {})
    return str(problem.value)


def test_what_was_checked_before_anything_was_created_is_told_and_not_where_it_could_be_asked(cloudformation):
    client, stubber = cloudformation
    refuse(stubber, SAYS_NOTHING)
    asked = {"ChangeSetName": CHANGE_SET, "Filters": {"FailedEvents": True}}
    exists = event(EventType="VALIDATION_ERROR", LogicalResourceId="PollLogs", ValidationName="NAME_CONFLICT_VALIDATION",
                   ValidationStatusReason="Resource of type 'AWS::Logs::LogGroup' already exists.", ValidationFailureMode="FAIL")
    warns = exists | {"ValidationStatusReason": "It may exist.", "ValidationFailureMode": "WARN"}
    missing = event(EventType="VALIDATION_ERROR", LogicalResourceId="HttpStage", ValidationPath="/Resources/HttpStage/Properties",
                    ValidationStatusReason="Required property [ApiId] not found")
    hooked = event(EventType="HOOK_INVOCATION_ERROR", HookType="Our::Rule::Hook", HookStatusReason="no such names here")
    stubber.add_response("describe_events", {"OperationEvents": [exists, exists, warns], "NextToken": "more"}, asked)
    progress = event(EventType="STACK_EVENT", OperationStatus="FAILED")
    stubber.add_response("describe_events", {"OperationEvents": [missing, hooked, progress]}, asked | {"NextToken": "more"})
    stubber.add_response("delete_change_set", {})
    assert told(client).splitlines() == [
        "CloudFormation refuses the template: ",
        "  PollLogs: Resource of type 'AWS::Logs::LogGroup' already exists. (NAME_CONFLICT_VALIDATION)",
        "  HttpStage: Required property [ApiId] not found (at /Resources/HttpStage/Properties)",
        "  the stack: no such names here (Our::Rule::Hook)",
    ]


@pytest.mark.parametrize("answer", ["nothing", "not allowed"])
def test_where_events_say_nothing_the_reason_of_the_change_set_is_told(cloudformation, answer):
    client, stubber = cloudformation
    refuse(stubber, "Template error: instance of Fn::GetAtt references undefined resource")
    if answer == "nothing":
        stubber.add_response("describe_events", {"OperationEvents": []})
    else:
        stubber.add_client_error("describe_events", "AccessDenied")
    stubber.add_response("delete_change_set", {})
    assert told(client) == "CloudFormation refuses the template: Template error: instance of Fn::GetAtt references undefined resource"


def test_a_change_that_changes_nothing_is_none(cloudformation):
    client, stubber = cloudformation
    refuse(stubber, "The submitted information didn't contain changes.")
    stubber.add_response("delete_change_set", {})
    assert stack(client).change("https://code/template.json", {}) is False


def test_the_failure_is_told_also_if_it_is_pages_away_and_an_earlier_deployment_s_is_not(cloudformation):
    client, stubber = cloudformation
    stubber.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    stubber.add_response("create_change_set", {"Id": CHANGE_SET})
    stubber.add_response("describe_change_set", {"Status": "CREATE_COMPLETE"})
    stubber.add_response("execute_change_set", {})
    stubber.add_response("describe_stacks", described("UPDATE_ROLLBACK_COMPLETE"))

    def happened(name: str, status: str, **more) -> dict:
        return {"EventId": "1", "StackId": STACK_ID, "StackName": "rollcall", "Timestamp": NOW, "LogicalResourceId": name, "ResourceStatus": status, **more}

    taken_back = [happened(f"Resource{number}", "DELETE_COMPLETE") for number in range(100)]
    stubber.add_response("describe_stack_events", {"StackEvents": taken_back, "NextToken": "more"})
    failed = [
        happened("PollLogs", "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled"),
        happened("CheckInLogs", "CREATE_FAILED", ResourceStatusReason="/rollcall/rollcall/CheckIn already exists"),
        happened("rollcall", "UPDATE_IN_PROGRESS", ResourceStatusReason="User Initiated"),
        happened("Table", "UPDATE_FAILED", ResourceStatusReason="what failed a year ago"),
    ]
    stubber.add_response("describe_stack_events", {"StackEvents": failed}, {"StackName": "rollcall", "NextToken": "more"})
    table = {"LogicalResourceId": "Table", "ResourceType": "AWS::DynamoDB::Table", "ResourceStatus": "UPDATE_COMPLETE", "Timestamp": NOW}
    stubber.add_response("describe_stack_resources", {"StackResources": [table]})
    assert told(client).splitlines() == [
        "rollcall is not deployed (UPDATE_ROLLBACK_COMPLETE):",
        "  CheckInLogs: /rollcall/rollcall/CheckIn already exists",
        "existing resources: Table. Correct the cause, and run the same command again",
    ]
