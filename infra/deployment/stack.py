"""The stack in CloudFormation."""

import time
from collections.abc import Iterator

from botocore.exceptions import ClientError

from deployment.aws import Aws, found
from deployment.problem import Problem, say

# Interceptor two looks at what CloudFormation does, in seconds. On this machine it is done at once.
LOOK_AGAIN, LOOK_AGAIN_LOCAL = 5, 0.5
# Of a change set that is being made; of a resource that is there; of a stack that can only be taken away.
MAKING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
THERE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
NEVER_CREATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED")
# What a change set is refused with that would change nothing (AWS CloudFormation API Reference, CreateChangeSet).
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
# The reason of the event that a change begins with; and of a resource that only failed because another did.
ASKED_FOR, CANCELLED = "User Initiated", ("creation cancelled", "update cancelled")


class Stack:
    """A stack by its name."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.aws, self.name, self._client = aws, name, aws.client("cloudformation")

    def describe(self) -> dict | None:
        """What CloudFormation says of it; nothing if it is not there."""
        there = found(self._client.describe_stacks, StackName=self.name)
        return there["Stacks"][0] if there else None

    def ready(self) -> dict[str, str]:
        """Its parameters, none if it is to be created. Refuses what can't be deployed to; takes away what is in the way."""
        there = self.describe()
        status = there["StackStatus"] if there else "none"
        if status in NEVER_CREATED:
            say(f"{self.name} was never created ({status}): its remains are taken away")
            self.delete()
            return {}
        if status == "UPDATE_ROLLBACK_FAILED":
            raise Problem(
                f"{self.name} is between two releases; `aws cloudformation continue-update-rollback --stack-name "
                f"{self.name}` brings it back to the one before"
            )
        if status.endswith("_IN_PROGRESS"):
            raise Problem(f"{self.name} is being changed by somebody ({status}); try again when that is done")
        parameters = there.get("Parameters", []) if there else []
        return {each["ParameterKey"]: each["ParameterValue"] for each in parameters}

    def change(self, template_url: str, parameters: dict[str, str]) -> bool:
        """Makes it what the template says; says whether that was a change."""
        before = self.describe()
        # What is kept from an earlier stack of this name is taken up again: the table, and the bucket for firmware.
        kind = {"ChangeSetType": "UPDATE"} if before else {"ChangeSetType": "CREATE", "ImportExistingResources": True}
        change_set = self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"r{time.time_ns()}",
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            **kind,
        )["Id"]
        while (made := self._client.describe_change_set(ChangeSetName=change_set))["Status"] in MAKING:
            self._pause()
        if made["Status"] == "FAILED":
            reason = made.get("StatusReason", "")
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
        """Why a change set was refused, a line each. The change set's own reason says, of what is checked before anything
        is created, no more than that DescribeEvents says more. Nothing if that does not, or may not be asked."""
        ask = self._client.get_paginator("describe_events").paginate
        try:
            events = [event for page in ask(ChangeSetName=change_set, Filters={"FailedEvents": True}) for event in page["OperationEvents"]]
        except ClientError:
            return ""
        return "".join(f"\n  {line}" for line in dict.fromkeys(map(_cause, events)) if line)

    def delete(self) -> None:
        """Takes it away, but for what is to be retained."""
        self._client.delete_stack(StackName=self.name)
        self._settle("taken away")

    def outputs(self) -> dict[str, str]:
        """What it says of itself."""
        return {each["OutputKey"]: each["OutputValue"] for each in (self.describe() or {}).get("Outputs", [])}

    def _settle(self, what: str) -> None:
        """Waits until CloudFormation is done. If that failed, says what did, and what is there."""
        try:
            while (there := self.describe()) and there["StackStatus"].endswith("_IN_PROGRESS"):
                self._pause()
        except KeyboardInterrupt as stop:
            raise Problem(f"stopped waiting; CloudFormation goes on with {self.name}: run it again when that is done") from stop
        if there and there["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
            raise Problem(f"{self.name} is not {what} ({there['StackStatus']}):\n{self._failure()}")

    def _failure(self) -> str:
        """What failed, the first of it first; and what there is now."""
        failed = [each for each in reversed(list(self._events())) if each["ResourceStatus"].endswith("_FAILED")]
        reasons = [(each["LogicalResourceId"], each.get("ResourceStatusReason", each["ResourceStatus"])) for each in failed]
        lines = [f"  {name}: {reason}" for name, reason in reasons if not reason.endswith(CANCELLED)]
        resources = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        there = [each["LogicalResourceId"] for each in resources if each["ResourceStatus"] in THERE]
        lines.append(f"there is: {', '.join(there) or 'nothing of it'}. Correct the cause, and run the same command again")
        return "\n".join(lines)

    def _events(self) -> Iterator[dict]:
        """What happened since somebody last asked for a change, the last of it first. The failure may be pages away from
        there: everything that is taken back comes after it."""
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self.name):
            for event in page["StackEvents"]:
                if event.get("ResourceStatusReason") == ASKED_FOR:
                    return
                yield event

    def _pause(self) -> None:
        time.sleep(LOOK_AGAIN_LOCAL if self.aws.is_local else LOOK_AGAIN)


def _cause(event: dict) -> str:
    """What is wrong with what, where in it, and who says so. Nothing if the event refuses nothing."""
    reasons = [event.get(f"{kind}StatusReason") for kind in ("Validation", "Hook", "Resource")]
    if not any(reasons) or "WARN" in (event.get("ValidationFailureMode"), event.get("HookFailureMode")):
        return ""
    path = event.get("ValidationPath")
    more = [f"at {path}" if path else None, event.get("ValidationName") or event.get("HookType")]
    named = ", ".join(filter(None, more))
    return f"{event.get('LogicalResourceId', 'the stack')}: {next(filter(None, reasons))}" + (f" ({named})" if named else "")
