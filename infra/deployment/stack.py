"""The stack in CloudFormation."""

import time
from collections.abc import Iterator

from botocore.exceptions import ClientError

from deployment.aws import Aws, or_none
from deployment.problem import Problem, say

# The pause between two looks at the state in CloudFormation, in seconds. LocalStack is faster than AWS.
PAUSE, PAUSE_LOCAL = 5, 0.5
# The states of a change set that is being created.
CREATING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
# The states of a resource that exists.
EXISTS = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
# The states of a stack that can only be deleted.
NEVER_CREATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED")
# Parts of the reason of a change set that fails because it would change nothing (AWS CloudFormation API Reference,
# CreateChangeSet).
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
# The reason of the first event of a change.
FIRST_EVENT = "User Initiated"
# The ends of the reason of a resource that failed only because another one failed.
CANCELLED = ("creation cancelled", "update cancelled")


class Stack:
    """A CloudFormation stack."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.aws, self.name, self._client = aws, name, aws.client("cloudformation")

    def describe(self) -> dict | None:
        """CloudFormation's description of the stack. None if it does not exist."""
        answer = or_none(self._client.describe_stacks, StackName=self.name)
        return answer["Stacks"][0] if answer else None

    def ready(self) -> dict[str, str]:
        """The parameters of the stack, empty if it is to be created. Refuses a stack that can't be updated. Deletes the
        remains of one whose creation failed."""
        description = self.describe()
        status = description["StackStatus"] if description else "none"
        if status in NEVER_CREATED:
            say(f"{self.name} was never created ({status}): its remains are deleted")
            self.delete()
            return {}
        if status == "UPDATE_ROLLBACK_FAILED":
            raise Problem(
                f"{self.name} is between two releases; `aws cloudformation continue-update-rollback --stack-name "
                f"{self.name}` brings it back to the earlier one"
            )
        if status.endswith("_IN_PROGRESS"):
            raise Problem(f"another change of {self.name} is in progress ({status}); try again when it is done")
        parameters = description.get("Parameters", []) if description else []
        return {each["ParameterKey"]: each["ParameterValue"] for each in parameters}

    def change(self, template_url: str, parameters: dict[str, str]) -> bool:
        """Creates or updates the stack from the template. Returns whether that changed anything."""
        before = self.describe()
        # Imports the table and the firmware bucket that an earlier stack of this name has left.
        kind = {"ChangeSetType": "UPDATE"} if before else {"ChangeSetType": "CREATE", "ImportExistingResources": True}
        change_set = self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"r{time.time_ns()}",
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            **kind,
        )["Id"]
        while (description := self._client.describe_change_set(ChangeSetName=change_set))["Status"] in CREATING:
            self._pause()
        if description["Status"] == "FAILED":
            reason = description.get("StatusReason", "")
            is_unchanged = before and any(words in reason for words in NO_CHANGES)
            causes = "" if is_unchanged else self._causes(change_set)
            self._client.delete_change_set(ChangeSetName=change_set)
            if is_unchanged:
                return False
            raise Problem(f"CloudFormation refuses the template: {causes or reason}")
        self._client.execute_change_set(ChangeSetName=change_set)
        self._settle("deployed")
        return True

    def _causes(self, change_set: str) -> str:
        """Why a change set was refused, with a line for each cause. For checks that CloudFormation makes before it
        creates anything, the reason of the change set itself only refers to DescribeEvents. Empty if that has no
        causes, or may not be called."""
        pages = self._client.get_paginator("describe_events").paginate
        try:
            failed = pages(ChangeSetName=change_set, Filters={"FailedEvents": True})
            events = [event for page in failed for event in page["OperationEvents"]]
        except ClientError:
            return ""
        return "".join(f"\n  {line}" for line in dict.fromkeys(map(_cause, events)) if line)

    def delete(self) -> None:
        """Deletes the stack, except the resources that it retains."""
        self._client.delete_stack(StackName=self.name)
        self._settle("deleted")

    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        return {each["OutputKey"]: each["OutputValue"] for each in (self.describe() or {}).get("Outputs", [])}

    def _settle(self, what: str) -> None:
        """Waits until CloudFormation is done. If it failed, raises a Problem with the causes and the resources that
        exist."""
        try:
            while (description := self.describe()) and description["StackStatus"].endswith("_IN_PROGRESS"):
                self._pause()
        except KeyboardInterrupt as stop:
            advice = "run the same command when it is done"
            raise Problem(f"stopped waiting; CloudFormation continues to change {self.name}: {advice}") from stop
        if description and description["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
            raise Problem(f"{self.name} is not {what} ({description['StackStatus']}):\n{self._failure()}")

    def _failure(self) -> str:
        """The failures in the order in which they happened, and the resources that exist now."""
        failed = [each for each in reversed(list(self._events())) if each["ResourceStatus"].endswith("_FAILED")]
        reasons = [(each["LogicalResourceId"], each.get("ResourceStatusReason", each["ResourceStatus"])) for each in failed]
        lines = [f"  {name}: {reason}" for name, reason in reasons if not reason.endswith(CANCELLED)]
        resources = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        existing = [each["LogicalResourceId"] for each in resources if each["ResourceStatus"] in EXISTS]
        text = f"existing resources: {', '.join(existing) or 'none'}"
        lines.append(f"{text}. Correct the cause, and run the same command again")
        return "\n".join(lines)

    def _events(self) -> Iterator[dict]:
        """The events of the last change, the newest first. A failure can be several pages away: the events of the
        rollback are newer."""
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self.name):
            for event in page["StackEvents"]:
                if event.get("ResourceStatusReason") == FIRST_EVENT:
                    return
                yield event

    def _pause(self) -> None:
        time.sleep(PAUSE_LOCAL if self.aws.is_local else PAUSE)


def _cause(event: dict) -> str:
    """The resource that an event refuses, the reason, the place in the resource, and the check or hook that refused it.
    Empty if the event refuses nothing."""
    reasons = [event.get(f"{kind}StatusReason") for kind in ("Validation", "Hook", "Resource")]
    if not any(reasons) or "WARN" in (event.get("ValidationFailureMode"), event.get("HookFailureMode")):
        return ""
    path = event.get("ValidationPath")
    details = [f"at {path}" if path else None, event.get("ValidationName") or event.get("HookType")]
    details = ", ".join(filter(None, details))
    resource = event.get("LogicalResourceId", "the stack")
    return f"{resource}: {next(filter(None, reasons))}" + (f" ({details})" if details else "")
