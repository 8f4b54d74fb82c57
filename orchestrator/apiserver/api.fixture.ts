import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "#api/kube/meta.ts";
import { silentLog } from "#base/log.ts";
import type { Transport, TransportRequest } from "#client/transport.ts";
import type { ResourceDefinition, Strategy, Verb } from "#orchestrator/machinery/resource.ts";
import { SqliteStore } from "#orchestrator/storage/sqlite-store.ts";
import { type AccessControl, type Api, openApi } from "./open-api.ts";

const verbs: readonly Verb[] = [
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
];

export function definitionOf(
  kind: string,
  resource: string,
  more: Partial<ResourceDefinition> & { readonly strategy?: Strategy } = {},
): ResourceDefinition {
  return {
    group: "",
    version: "v1",
    resource,
    kind,
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    isNamespaced: true,
    shortNames: [],
    categories: [],
    verbs,
    subresources: [],
    type: `io.k8s.api.core.v1.${kind}`,
    strategy: {},
    ...more,
  };
}

export const someResources: readonly ResourceDefinition[] = [
  definitionOf("ConfigMap", "configmaps"),
  definitionOf("Namespace", "namespaces", { isNamespaced: false }),
  definitionOf("Pod", "pods", {
    subresources: [{ name: "status", kind: "Pod", verbs: ["get", "update", "patch"] }],
    strategy: { gracePeriodS: (_object, asked) => asked ?? 30 },
  }),
  definitionOf("Deployment", "deployments", { group: "apps" }),
];

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
  send(method: TransportRequest["method"], path: string, body?: unknown): Promise<TestAnswer>;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of any shape
  readonly body: any;
}

/** An API over a store of its own, without a network. */
export async function openTestApi(
  more: Partial<{ readonly access: AccessControl; readonly resources: readonly ResourceDefinition[] }> = {},
): Promise<TestApi> {
  const { signal } = new AbortController();
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gantry-api-"));
  undo.defer(() => rm(folder, { recursive: true }));
  const store = undo.use(
    new SqliteStore({ file: join(folder, "state.db"), log: silentLog, now: () => Date.now() / 1000 }),
  );
  const api = undo.use(
    await openApi(
      {
        store,
        resources: more.resources ?? someResources,
        access: () => more.access ?? allowAll,
        connect: () => Promise.reject(new Error("there are no nodes")),
        facts: { version: "v1.36.0", platform: "linux/amd64", runtime: "node" },
        checks: new Map(),
        address: () => "127.0.0.1:6443",
        now: () => new Date(),
        newUid: randomUUID,
        random: Math.random,
        log: silentLog,
      },
      signal,
    ),
  );
  const transport = api.transport({ name: "tester", groups: ["system:masters"] });
  const opened = undo.move();
  return {
    api,
    transport,
    async send(method, path, body) {
      const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body));
      const answer = await transport.send(
        { method, path, ...(bytes !== undefined && { body: { type: "application/json", bytes } }) },
        signal,
      );
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.body) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      return {
        status: answer.status,
        headers: answer.headers ?? {},
        body: answer.headers?.["content-type"]?.includes("json") ? JSON.parse(text) : text,
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
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
