// An application that uses the console by openapi-fetch, with the types that openapi-typescript generates into
// console.ts.
//
// usage: client.js URL WRITE_KEY READ_KEY

import createClient from "openapi-fetch";
import type { components, paths } from "./console.js";

type Schemas = components["schemas"];

declare const process: { argv: string[] };

const [, , url = "", writeKey = "", readKey = ""] = process.argv;

function clientWith(key: string) {
    return createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });
}

function equal(left: unknown, right: unknown): void {
    const [one, other] = [JSON.stringify(left), JSON.stringify(right)];
    if (one !== other) {
        throw new Error(`${one} is not ${other}`);
    }
}

/** What an answer brought, which must not be a problem. */
function done<T>(answer: { data?: T; error?: Schemas["Problem"]; response: Response }): NonNullable<T> {
    if (answer.data === undefined || answer.data === null) {
        throw new Error(`${answer.response.status}: ${JSON.stringify(answer.error)}`);
    }
    return answer.data;
}

/** The problem of an answer, which must have this code. */
function refused(answer: { error?: Schemas["Problem"] }, code: Schemas["ProblemCode"]): Schemas["Problem"] {
    equal(answer.error?.code, code);
    return answer.error!;
}

const client = clientWith(writeKey);
const node = { path: { node: "ap-1" } };

async function nodesAreRegisteredAndListed(): Promise<void> {
    const body: Schemas["NodeSpec"] = { site: "hq", model: "ax-2", tags: ["roof"] };
    const view = done(await client.PUT("/v1/nodes/{node}", { params: node, body }));
    const config: Schemas["ConfigProgress"] = view.config;
    equal([view.node, view.site, view.online, config], ["ap-1", "hq", false, "none"]);
    const batch = [{ node: "ap-2", site: "hq" }, { node: "ap-3", site: "depot" }, { node: "no id" }];
    const results = done(await client.POST("/v1/nodes:batch", { body: batch }));
    equal(results.map((result) => result.problem?.code ?? result.status), [200, 200, "invalid-parameter"]);
    const query = { site: "hq", presence: "offline", limit: 100 } as const;
    const page = done(await client.GET("/v1/nodes", { params: { query } }));
    equal(page.nodes.map((listed) => listed.node).sort(), ["ap-1", "ap-2"]);
    equal(page.cursor, undefined);
    // @ts-expect-error: there is no such presence.
    refused(await client.GET("/v1/nodes", { params: { query: { presence: "asleep" } } }), "invalid-parameter");
    const patched = done(await client.PATCH("/v1/nodes/{node}", { params: node, body: { model: "ax-3", tags: null } }));
    equal([patched.site, patched.model, patched.tags], ["hq", "ax-3", []]);
}

async function aConfigurationIsSetAndRead(): Promise<void> {
    const configuration = { channel: 36, ssid: "guest" };
    const header = { "If-None-Match": "*" };
    const set = await client.PUT("/v1/nodes/{node}/config", { params: { ...node, header }, body: configuration });
    equal([done(set).version, done(set).delivery], [1, "pending"]);
    const read = await client.GET("/v1/nodes/{node}/config", { params: node });
    const view = done(read);
    equal([view.status, view.document, view.desired?.version, view.applied], ["pending", configuration, 1, null]);
    const stale = { ...node, header: { "If-Match": '"7"' } };
    const refusal = await client.PUT("/v1/nodes/{node}/config", { params: stale, body: {} });
    const problem = refused(refusal, "version-mismatch");
    equal([problem.status, problem.current_version], [412, 1]);
    const known = { "If-None-Match": read.response.headers.get("etag") ?? "" };
    const again = await client.GET("/v1/nodes/{node}/config", { params: { ...node, header: known } });
    equal([again.response.status, again.data], [304, undefined]);
}

async function aCommandIsQueuedAndCancelled(): Promise<void> {
    const params = { ...node, header: { "Idempotency-Key": "k" } };
    const body: Schemas["CommandSpec"] = { name: "led", args: { on: true }, expires_in_s: 60 };
    const command = done(await client.POST("/v1/nodes/{node}/commands", { params, body }));
    equal([command.command, command.state, command.args, command.sent_at_ms], [1, "queued", { on: true }, null]);
    refused(await client.POST("/v1/nodes/{node}/commands", { params, body: { name: "scan" } }), "key-reused");
    const one = { path: { node: "ap-1", command: command.command } };
    const cancelled = await client.DELETE("/v1/nodes/{node}/commands/{command}", { params: one });
    equal(cancelled.response.status, 204);
    const page = done(await client.GET("/v1/nodes/{node}/commands", { params: node }));
    equal(page.commands.map((listed) => listed.state), ["cancelled"]);
}

async function aNodeIsRevoked(): Promise<void> {
    equal((await client.POST("/v1/nodes/{node}/revoke", { params: node })).response.status, 204);
    equal(done(await client.GET("/v1/nodes/{node}", { params: node })).revoked, true);
    refused(await client.PUT("/v1/nodes/{node}/config", { params: node, body: {} }), "revoked-node");
}

async function aNodeIsDeleted(): Promise<void> {
    equal((await client.DELETE("/v1/nodes/{node}", { params: node })).response.status, 204);
    refused(await client.GET("/v1/nodes/{node}", { params: node }), "unknown-node");
}

async function errorsAreTyped(): Promise<void> {
    const nobody = { path: { node: "nobody" } };
    const unknown = refused(await client.GET("/v1/nodes/{node}", { params: nobody }), "unknown-node");
    const status: number = unknown.status;
    equal(status, 404);
    refused(await clientWith("nobody's").GET("/v1/nodes/{node}", { params: nobody }), "unauthenticated");
    refused(await clientWith(readKey).PUT("/v1/nodes/{node}", { params: nobody, body: {} }), "forbidden");
}

equal(done(await client.GET("/v1/health")).table, "ok");
await nodesAreRegisteredAndListed();
await aConfigurationIsSetAndRead();
await aCommandIsQueuedAndCancelled();
await aNodeIsRevoked();
await aNodeIsDeleted();
await errorsAreTyped();
console.log("done");
