"""The check-in as it would be in Python: the same event, the same guarded write, the same answer."""

import json
import os
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

import boto3

dynamodb = boto3.client("dynamodb")

UPDATE = {
    "TableName": os.environ["ROLLCALL_TABLE"],
    "ConditionExpression": (
        "c = :c AND attribute_not_exists(x) AND attribute_not_exists(rv)"
        " AND (attribute_not_exists(q) OR q < :q) AND (attribute_not_exists(s) OR s <= :s)"
    ),
    "UpdateExpression": "SET s = :s, q = :q",
    "ReturnValues": "ALL_NEW",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    "ReturnConsumedCapacity": "TOTAL",
}


def handle(event):
    context, message = event["requestContext"], json.loads(event["body"])
    node, seq = context["authorizer"]["node"], message["seq"]
    if message["type"] != "check-in":
        return frame(type="error", code="unknown-type")
    values = {
        ":c": {"S": context["connectionId"]},
        ":q": {"N": str(seq)},
        ":s": {"N": str(context["requestTimeEpoch"])},
    }
    try:
        key = {"pk": {"S": f"node#{node}"}, "sk": {"S": "node"}}
        stored = dynamodb.update_item(Key=key, ExpressionAttributeValues=values, **UPDATE)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        log(message="check-in", outcome="refused", node=node, seq=seq)
        return frame(type="error", code="not-connected", seq=seq)
    log(message="check-in", outcome="stored", node=node, seq=seq, units=stored["ConsumedCapacity"]["CapacityUnits"])
    return frame(type="ack", seq=seq, next_check_in_s=300, reconnect_within_s=6600, spread_s=30)


def frame(**message):
    return {"statusCode": 200, "body": json.dumps(message)}


def log(**line):
    print(json.dumps(line), file=sys.stderr)


def serve():
    """What Lambda's own runtime does around a handler."""
    api = urlsplit(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection = HTTPConnection(api.netloc)
    invocation = f"{api.path}/2018-06-01/runtime/invocation"
    while True:
        connection.request("GET", f"{invocation}/next")
        asked = connection.getresponse()
        answer = json.dumps(handle(json.load(asked)))
        request = asked.headers["lambda-runtime-aws-request-id"]
        connection.request("POST", f"{invocation}/{request}/response", answer)
        connection.getresponse().read()


serve()
