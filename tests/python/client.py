"""A node, and whoever manages it, without any code of Rollcall's: `websockets` and `boto3` against the gateway.

usage: client.py WS_URL CONNECTIONS_URL TOKEN

Says "connected" when the node is, and reads the id of its connection, which only the server knows, from standard input.
"""

import json
import sys
from datetime import datetime, timezone

import boto3
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

SECONDS = 30  # far longer than any answer takes


def open_socket(url, token):
    return connect(url, additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=SECONDS)


def ask(socket, message):
    """Sends a message, as JSON unless it is text, and returns the next one that comes."""
    socket.send(message if isinstance(message, str) else json.dumps(message))
    return json.loads(socket.recv(timeout=SECONDS))


def a_wrong_token_is_refused(url, token):
    head, payload, signature = token.split(".")
    for wrong in [f"{head}.{payload}.{signature[::-1]}", "nonsense"]:
        try:
            open_socket(url, wrong)
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 401, refusal
        else:
            raise AssertionError("a wrong token was accepted")


def a_check_in_is_acknowledged(socket):
    health = {"uptime_s": 86400, "load_percent": 12, "memory_free_kib": 20480, "clients": 9}
    ack = ask(socket, {"type": "check-in", "seq": 1, "firmware": "2.4.1", "health": health})
    assert list(ack)[0] == "type" and ack["type"] == "ack" and ack["seq"] == 1, ack
    assert 0 < ack["next_check_in_s"] <= 540, ack
    assert 0 < ack["reconnect_within_s"] <= 6600, ack
    assert 0 <= ack["spread_s"], ack


def a_bad_message_gets_its_code(socket):
    ack = ask(socket, {"type": "check-in", "seq": 2})
    assert ack["type"] == "ack" and ack["seq"] == 2, ack
    for message, code in [
        ("hello", "not-json"),
        ({"seq": 2}, "no-type"),
        ({"type": "reboot"}, "unknown-type"),
        ({"type": "check-in", "seq": "2"}, "invalid-field"),
        ({"type": "check-in", "seq": 1}, "stale-seq"),
    ]:
        error = ask(socket, message)
        assert (error["type"], error["code"]) == ("error", code) and error["message"], error
    assert error["seq"] == 1, error
    ack = ask(socket, {"type": "check-in", "seq": 3})
    assert ack["type"] == "ack", f"the connection goes on: {ack}"


def a_connection_can_be_looked_at(api, connection):
    looked = api.get_connection(ConnectionId=connection)
    connected, active = looked["ConnectedAt"], looked["LastActiveAt"]
    assert isinstance(connected, datetime) and isinstance(active, datetime), looked
    assert connected <= active <= datetime.now(timezone.utc), looked
    assert (active - connected).total_seconds() < SECONDS, looked
    assert looked["Identity"]["SourceIp"] == "127.0.0.1", looked
    assert "websockets/" in looked["Identity"]["UserAgent"], looked


def a_post_arrives_as_a_message(api, connection, socket):
    for text in ['{"type":"reconnect","within_s":60}', "plain text: äöü €"]:
        api.post_to_connection(ConnectionId=connection, Data=text.encode())
        assert socket.recv(timeout=SECONDS) == text


def a_connection_can_be_closed_and_is_gone(api, connection, socket):
    api.delete_connection(ConnectionId=connection)
    try:
        socket.recv(timeout=SECONDS)
    except ConnectionClosed as closed:
        assert closed.rcvd and closed.rcvd.code == 1000, closed
    else:
        raise AssertionError("a message instead of the end")
    for call in [api.get_connection, api.delete_connection, lambda **id: api.post_to_connection(Data=b"?", **id)]:
        try:
            call(ConnectionId=connection)
        except api.exceptions.GoneException as gone:
            assert gone.response["ResponseMetadata"]["HTTPStatusCode"] == 410, gone.response
        except ClientError as other:
            raise AssertionError(f"not gone: {other}") from other
        else:
            raise AssertionError("it is still there")


def main(ws_url, connections_url, token):
    a_wrong_token_is_refused(ws_url, token)
    # Any credentials will do on loopback; on AWS, leave them and the endpoint's region to boto3's configuration.
    local = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
    api = boto3.client("apigatewaymanagementapi", endpoint_url=connections_url, **local)
    with open_socket(ws_url, token) as socket:
        print("connected", flush=True)
        connection = sys.stdin.readline().strip()
        a_check_in_is_acknowledged(socket)
        a_bad_message_gets_its_code(socket)
        a_connection_can_be_looked_at(api, connection)
        a_post_arrives_as_a_message(api, connection, socket)
        a_connection_can_be_closed_and_is_gone(api, connection, socket)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
