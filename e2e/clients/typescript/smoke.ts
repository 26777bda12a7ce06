// Asks a gateway by the client that openapi-fetch is with the types that openapi-typescript makes of its API document: client.d.ts,
// which the test makes beside this file. What the document does not say does not compile.
//
//	node smoke.js <address of the gateway> <an administrator's address> <his password>
import createClient from "openapi-fetch";

import type { components, paths } from "./client.js";

declare const process: { argv: string[]; exitCode?: number };

type User = components["schemas"]["TrendsUser"];
type Problem = components["schemas"]["Problem"];

const [, , baseUrl = "", email = "", password = ""] = process.argv;

function check(what: string, good: boolean, said: unknown): void {
	if (good) return;
	console.error(`smoke: ${what}: ${JSON.stringify(said)}`);
	process.exitCode = 1;
}

const anybody = createClient<paths>({ baseUrl });
const login = await anybody.POST("/auth", { body: { email, password } });
if (!login.data) throw new Error(`logging in: ${JSON.stringify(login.error)}`);
const token: string = login.data.access_token;
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

// Users: list, create, change.
const list = await client.GET("/api/v1/user", { params: { query: { filter: `email='${email}'`, page: "1", per_page: "5" } } });
check("the list of users", list.data?.data.length === 1 && list.data.total === 1 && list.data.data[0]?.email === email, list);

const made = await client.POST("/api/v1/user", {
	body: { email: "ts@example.org", name: "Type Script", country: "Kenya", password: "Battery-Staple-2" },
});
if (!made.data) throw new Error(`a new user: ${JSON.stringify(made.error)}`);
const user: User = made.data.data;
check("a new user", user.email === "ts@example.org" && user.country === "Kenya" && user.last_login_at === null, user);

const path = { user: user.id };
const merged = await client.PATCH("/api/v1/user/{user}", { params: { path }, body: { country: "Uganda" } });
check("a merge patch", merged.data?.data.country === "Uganda", merged);
const tag = merged.response.headers.get("ETag") ?? "";
const operations: components["schemas"]["PatchOperation"][] = [
	{ op: "test", path: "/country", value: "Uganda" },
	{ op: "replace", path: "/country", value: "Rwanda" },
];
const headers = { "Content-Type": "application/json-patch+json" };
const body = operations as unknown as components["schemas"]["TrendsPatch"]; // openapi-fetch takes the type of the first media type
const patched = await client.PATCH("/api/v1/user/{user}", { params: { path, header: { "If-Match": tag } }, body, headers });
check("a JSON Patch", patched.data?.data.country === "Rwanda", patched);
const stale = await client.PATCH("/api/v1/user/{user}", { params: { path, header: { "If-Match": tag } }, body, headers });
check("a patch of what is no more", stale.response.status === 412 && stale.error?.status === 412, stale);

// Services of the shipped configuration.
const metric = await client.GET("/metrics/{jobname}/{metric}", { params: { path: { jobname: "build", metric: "duration" } } });
check("a metric", (metric.data as { value?: unknown } | undefined)?.value === 42, metric);
const duty = await client.GET("/duty/{day}", { params: { path: { day: "monday" } } });
check("who is on duty", (duty.data as { asked_by?: unknown } | undefined)?.asked_by === email, duty);
const metadata = await client.GET("/duty/metadata");
check("metadata", metadata.data?.name === "duty" && metadata.data.auth === "basic", metadata);

// Errors have the shape that the document says.
const failed: [string, number, { error?: Problem; response: Response }][] = [
	["a wrong password", 401, await anybody.POST("/auth", { body: { email, password: "not the password" } })],
	["nobody", 404, await client.GET("/api/v1/user/{user}", { params: { path: { user: "nobody@example.org" } } })],
	["a backend that fails", 502, await client.GET("/inventory/parts/{part}", { params: { path: { part: "B1" } } })],
	["a wrong parameter", 400, await client.GET("/inventory/parts/{part}", { params: { path: { part: "17" } } })],
	["nobody at a service for users", 401, await anybody.GET("/duty/{day}", { params: { path: { day: "monday" } } })],
];
for (const [what, status, { error, response }] of failed) {
	check(what, response.status === status && error?.status === status && error.detail !== "" && error.request_id !== undefined, { status: response.status, error });
}
if (!process.exitCode) console.log("smoke: ok");
