import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "#api/kube/meta.ts";
import { silentLog } from "#base/log.ts";
import type { Transport, TransportRequest } from "#client/transport.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { Store } from "#orchestrator/storage/store.ts";
import { SqliteStore } from "#orchestrator/storage/sqlite-store.ts";
import type { ConnectorDeps } from "./connect/connector.ts";
import { type AccessControl, type AccessParts, type Api, openApi } from "./open-api.ts";

export const allowAll: AccessControl = {
  authenticator: { authenticate: async () => ({ name: "tester", groups: ["system:masters"] }) },
  authorizer: { authorize: () => ({ is: "allowed", reason: "" }) },
  plugins: [],
  virtual: new Map(),
  paths: new Map(),
};

export interface TestApi extends AsyncDisposable {
  readonly api: Api;
  readonly transport: Transport;
  /** @param body an object, which goes as JSON, or bytes of the content type that the headers name */
  send(
    method: TransportRequest["method"],
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TestAnswer>;
  /** Another API over the same store, after something was done to that. */
  reopen(between: (store: Store) => Promise<void>): Promise<TestApi>;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of any shape
  readonly body: any;
}

interface Parts {
  readonly access: AccessControl;
  readonly plugins: (parts: AccessParts) => AccessControl["plugins"];
  readonly resources: readonly ResourceDefinition[];
  readonly nodeCredentials: ConnectorDeps["credentials"];
}

/** An API over a store of its own, without a network. */
export async function openTestApi(parts: Partial<Parts> = {}): Promise<TestApi> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gantry-api-"));
  undo.defer(() => rm(folder, { recursive: true }));
  const store = undo.use(
    new SqliteStore({ file: join(folder, "state.db"), log: silentLog, now: () => Date.now() / 1000 }),
  );
  const api = undo.use(await openOver(store, parts));
  const opened = undo.move();
  return { ...api, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function openOver(store: Store, parts: Partial<Parts>): Promise<TestApi> {
  const { signal } = new AbortController();
  const api = await openApi(
    {
      store,
      frontProxyCredentials: () => ({ certificate: "", key: "" }),
      resources: parts.resources ?? resources,
      access: (own) => ({
        ...(parts.access ?? allowAll),
        ...(parts.plugins && { plugins: parts.plugins(own) }),
      }),
      nodeCredentials: parts.nodeCredentials ?? (() => ({ certificate: "", key: "", authority: "" })),
      facts: { version: "v1.36.0", platform: "linux/amd64", runtime: "node" },
      serviceRange: "10.96.0.0/16",
      checks: new Map(),
      address: () => "127.0.0.1:6443",
      now: () => new Date(),
      clockS: () => performance.now() / 1000,
      processFacts: () => ({ residentBytes: 0, cpuS: 0, startedS: 0 }),
      newUid: randomUUID,
      random: Math.random,
      log: silentLog,
    },
    signal,
  );
  const transport = api.transport({ name: "tester", groups: ["system:masters"] });
  return {
    api,
    transport,
    send: (method, path, body, headers = {}) => sendOver(transport, { method, path, body, headers }),
    async reopen(between) {
      await between(store);
      return await openOver(store, parts);
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

interface Asked {
  readonly method: TransportRequest["method"];
  readonly path: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

async function sendOver(transport: Transport, { method, path, body, headers }: Asked): Promise<TestAnswer> {
  const bytes = body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
  const type = headers["content-type"] ?? "application/json";
  const { signal } = new AbortController();
  const answer = await transport.send(
    { method, path, headers, ...(body !== undefined && { body: { type, bytes } }) },
    signal,
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  const answerType = answer.headers?.["content-type"] ?? "";
  return {
    status: answer.status,
    headers: answer.headers ?? {},
    body: answerType.includes("json")
      ? JSON.parse(all.toString())
      : answerType.includes("protobuf")
        ? all
        : all.toString(),
  };
}

/** The events of a watch, one by one. */
export async function* eventsOf(
  transport: Transport,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly type: string; readonly object: KubeObject }> {
  const answer = await transport.send({ method: "GET", path }, signal);
  let text = "";
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString();
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as { type: string; object: KubeObject };
  }
}
