"""An application that uses the console by the client that openapi-python-client generates, which is on PYTHONPATH.

usage: generated.py URL WRITE_KEY READ_KEY
"""

import sys

from rollcall_console import AuthenticatedClient
from rollcall_console.api.commands import cancel_command, list_commands, queue_command
from rollcall_console.api.configurations import get_config, set_config
from rollcall_console.api.nodes import delete_node, get_node, list_nodes, patch_node, register_batch, register_node, revoke_node
from rollcall_console.api.server import get_health
from rollcall_console.models import (
    BatchNode,
    BatchResult,
    CommandPage,
    CommandProgress,
    CommandSpec,
    CommandView,
    ConfigProgress,
    ConfigSet,
    ConfigView,
    DeliveryState,
    HealthView,
    NodePage,
    NodePatch,
    NodeSpec,
    NodeView,
    PartHealth,
    Presence,
    Problem,
    ProblemCode,
)
from rollcall_console.types import UNSET

CONFIGURATION = {"channel": 36, "ssid": "guest"}


def expect(answer, kind):
    """The answer, which must be of this type."""
    assert isinstance(answer, kind), answer
    return answer


def expect_problem(answer, status, code):
    problem = expect(answer, Problem)
    assert (problem.status, problem.code) == (status, code) and problem.detail, problem
    return problem


def nodes_are_registered_and_listed(client):
    spec = NodeSpec(site="hq", model="ax-2", tags=["roof"])
    node = expect(register_node.sync("ap-1", client=client, body=spec), NodeView)
    assert (node.node, node.site, node.model, node.tags, node.online) == ("ap-1", "hq", "ax-2", ["roof"], False), node
    assert node.config is ConfigProgress.NONE and node.credential_version == 1, node
    batch = [BatchNode(node="ap-2", site="hq"), BatchNode(node="ap-3", site="depot"), BatchNode(node="no id")]
    results = expect(register_batch.sync(client=client, body=batch), list)
    assert [expect(result, BatchResult).status for result in results] == [200, 200, 400], results
    assert results[0].problem is UNSET, results
    expect_problem(results[2].problem, 400, ProblemCode.INVALID_PARAMETER)
    page = expect(list_nodes.sync(client=client, site="hq", presence=Presence.OFFLINE, limit=100), NodePage)
    assert sorted(node.node for node in page.nodes) == ["ap-1", "ap-2"] and page.cursor is UNSET, page
    page = expect(list_nodes.sync(client=client, select="site=hq node!=ap-1", fields="site,tags"), NodePage)
    (some,) = page.nodes
    assert (some.node, some.site, some.tags, some.model, page.total) == ("ap-2", "hq", [], UNSET, 1), page
    expect_problem(list_nodes.sync(client=client, select="site=hq vendor=x"), 400, ProblemCode.INVALID_PARAMETER)
    page = expect(list_nodes.sync(client=client, presence=Presence.ONLINE), NodePage)
    assert page.nodes == [], page
    node = expect(patch_node.sync("ap-1", client=client, body=NodePatch(model="ax-3", tags=None)), NodeView)
    assert (node.site, node.model, node.tags) == ("hq", "ax-3", []), node


def a_configuration_is_set_and_read(client):
    config = expect(set_config.sync("ap-1", client=client, body=CONFIGURATION, if_none_match="*"), ConfigSet)
    assert (config.version, config.delivery) == (1, DeliveryState.PENDING), config
    view = expect(get_config.sync("ap-1", client=client), ConfigView)
    assert (view.status, view.document) == (ConfigProgress.PENDING, CONFIGURATION), view
    assert view.desired.version == 1 and view.applied is None and view.difference is UNSET, view
    answer = set_config.sync("ap-1", client=client, body={}, if_match='"7"')
    assert expect_problem(answer, 412, ProblemCode.VERSION_MISMATCH).current_version == 1, answer
    detailed = get_config.sync_detailed("ap-1", client=client)
    again = get_config.sync_detailed("ap-1", client=client, if_none_match=detailed.headers["etag"])
    assert (detailed.status_code, again.status_code, again.parsed) == (200, 304, None), again


def a_command_is_queued_and_cancelled(client):
    spec = CommandSpec(name="led", args={"on": True}, expires_in_s=60)
    command = expect(queue_command.sync("ap-1", client=client, body=spec, idempotency_key="k"), CommandView)
    assert (command.command, command.state, command.args) == (1, CommandProgress.QUEUED, {"on": True}), command
    assert command.sent_at_ms is None and command.expires_at_ms - command.queued_at_ms == 60_000, command
    again = queue_command.sync_detailed("ap-1", client=client, body=spec, idempotency_key="k")
    assert (again.status_code, again.parsed.command) == (200, 1), again
    other = CommandSpec(name="scan")
    answer = queue_command.sync("ap-1", client=client, body=other, idempotency_key="k")
    expect_problem(answer, 409, ProblemCode.KEY_REUSED)
    assert cancel_command.sync_detailed("ap-1", 1, client=client).status_code == 204
    page = expect(list_commands.sync("ap-1", client=client), CommandPage)
    assert [command.state for command in page.commands] == [CommandProgress.CANCELLED], page


def a_node_is_revoked(client):
    assert revoke_node.sync_detailed("ap-1", client=client).status_code == 204
    assert expect(get_node.sync("ap-1", client=client), NodeView).revoked
    answer = set_config.sync("ap-1", client=client, body=CONFIGURATION)
    expect_problem(answer, 410, ProblemCode.REVOKED_NODE)


def a_node_is_deleted(client):
    assert delete_node.sync_detailed("ap-1", client=client).status_code == 204
    expect_problem(get_node.sync("ap-1", client=client), 404, ProblemCode.UNKNOWN_NODE)


def errors_are_typed(client, reader, stranger):
    expect_problem(get_node.sync("nobody", client=client), 404, ProblemCode.UNKNOWN_NODE)
    expect_problem(get_node.sync("nobody", client=stranger), 401, ProblemCode.UNAUTHENTICATED)
    expect_problem(register_node.sync("ap-4", client=reader, body=NodeSpec()), 403, ProblemCode.FORBIDDEN)


def main(url, write_key, read_key):
    client, reader, stranger = (
        AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
        for key in (write_key, read_key, "nobody's")
    )
    assert expect(get_health.sync(client=client), HealthView).table is PartHealth.OK
    nodes_are_registered_and_listed(client)
    a_configuration_is_set_and_read(client)
    a_command_is_queued_and_cancelled(client)
    a_node_is_revoked(client)
    a_node_is_deleted(client)
    errors_are_typed(client, reader, stranger)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
