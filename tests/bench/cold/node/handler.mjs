#!/usr/bin/env node
// The check-in as it would be in Node.js: the same event, the same guarded write, the same answer.
import { Agent, request } from "node:http";
import { ConditionalCheckFailedException, DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";

const { AWS_LAMBDA_RUNTIME_API: api, ROLLCALL_TABLE: TableName } = process.env;
const dynamodb = new DynamoDBClient({});

const UPDATE = {
  TableName,
  ConditionExpression:
    "c = :c AND attribute_not_exists(x) AND attribute_not_exists(rv)" +
    " AND (attribute_not_exists(q) OR q < :q) AND (attribute_not_exists(s) OR s <= :s)",
  UpdateExpression: "SET s = :s, q = :q",
  ReturnValues: "ALL_NEW",
  ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  ReturnConsumedCapacity: "TOTAL",
};

async function handle({ requestContext: context, body }) {
  const { type, seq } = JSON.parse(body);
  const { node } = context.authorizer;
  if (type !== "check-in") return frame({ type: "error", code: "unknown-type" });
  try {
    const { ConsumedCapacity } = await dynamodb.send(
      new UpdateItemCommand({
        ...UPDATE,
        Key: { pk: { S: `node#${node}` }, sk: { S: "node" } },
        ExpressionAttributeValues: {
          ":c": { S: context.connectionId },
          ":q": { N: `${seq}` },
          ":s": { N: `${context.requestTimeEpoch}` },
        },
      }),
    );
    log({ message: "check-in", outcome: "stored", node, seq, units: ConsumedCapacity.CapacityUnits });
    return frame({ type: "ack", seq, next_check_in_s: 300, reconnect_within_s: 6600, spread_s: 30 });
  } catch (error) {
    log({ message: "check-in", outcome: "refused", node, seq, error: error.name });
    const code = error instanceof ConditionalCheckFailedException ? "not-connected" : "unavailable";
    return frame({ type: "error", code, seq });
  }
}

const frame = (message) => ({ statusCode: 200, body: JSON.stringify(message) });
const log = (line) => console.error(JSON.stringify(line));

// What Lambda's own runtime does around a handler.
const agent = new Agent({ keepAlive: true });
const call = (method, path, body) =>
  new Promise((resolve, reject) => {
    const sent = request(`${api}/2018-06-01/runtime/invocation/${path}`, { method, agent }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ headers: answer.headers, body: Buffer.concat(chunks) });
    });
    sent.on("error", reject).end(body);
  });
async function serve() {
  for (;;) {
    const { headers, body } = await call("GET", "next");
    const answer = await handle(JSON.parse(body));
    await call("POST", `${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(answer));
  }
}
serve();
