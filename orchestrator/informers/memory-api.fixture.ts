import { failure, isStatus, type StatusError } from "#api/kube/status.ts";
import type { Transport, TransportRequest, TransportResponse } from "#client/transport.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";

type Stored = { metadata: Record<string, unknown>; [field: string]: unknown };

interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly collection: string;
  readonly object: Stored;
}

interface Target {
  readonly collection: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
}

const encoder = new TextEncoder();

/**
 * An API for tests: create, get, list, watch (streaming lists too), update with conflicts, merge patch, status, binding, and
 * deletion with finalizers behave as the API server's do; there is no admission, no validation and no defaults.
 */
export class MemoryApi implements Transport {
  /** By collection (group and resource), then by `namespace/name`. */
  readonly #collections = new Map<string, Map<string, Stored>>();
  readonly #history: Change[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #ended = new Set<() => void>();
  #version = 100;
  #compacted = 0;
  /** What was asked, as `METHOD path`. */
  readonly asked: string[] = [];
  /** Whether lists can be streamed. */
  canStream = true;
  /** Refuses requests, for tests of failures. */
  refuse: (request: TransportRequest) => StatusError | undefined = () => undefined;

  // oxlint-disable-next-line require-await
  async send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse> {
    signal.throwIfAborted();
    this.asked.push(`${request.method} ${request.path}`);
    try {
      const refused = this.refuse(request);
      if (refused !== undefined) throw refused;
      return this.#serve(request, signal);
    } catch (error) {
      if (!isStatus(error)) throw error;
      return answer(error.code, error.status);
    }
  }

  hijack(): Promise<never> {
    return Promise.reject(failure("BadRequest", "nothing to hijack"));
  }

  /** Ends all watches, as a restart of the server would. */
  endWatches(): void {
    for (const end of this.#ended) end();
  }

  /** Forgets the history: watches that begin in it are refused. */
  compact(): void {
    this.#compacted = this.#version;
    this.#history.length = 0;
  }

  #serve(request: TransportRequest, signal: AbortSignal): TransportResponse {
    const target = targetOf(request.path);
    const body = bodyOf(request);
    if (request.method === "GET" && target.name === undefined)
      return target.query.has("watch") ? this.#watch(target, signal) : this.#list(target);
    if (request.method === "GET") return answer(200, this.#get(target));
    if (request.method === "POST") return answer(201, this.#create(target, body as Stored));
    if (request.method === "PUT") return answer(200, this.#update(target, body as Stored));
    if (request.method === "PATCH")
      return answer(200, this.#update(target, merged(this.#get(target), body) as Stored));
    if (target.name === undefined) return this.#deleteAll(target);
    return answer(200, this.#delete(target, body as Record<string, unknown>));
  }

  #objects(collection: string): Map<string, Stored> {
    const known = this.#collections.get(collection);
    if (known !== undefined) return known;
    const made = new Map<string, Stored>();
    this.#collections.set(collection, made);
    return made;
  }

  #get(target: Target): Stored {
    const found = this.#objects(target.collection).get(keyOf(target));
    if (found === undefined) throw failure("NotFound", `${target.resource} "${target.name}" not found`);
    return found;
  }

  #list(target: Target): TransportResponse {
    const items = [...this.#objects(target.collection).values()].filter((object) => matches(object, target));
    const start = Number(target.query.get("continue") ?? 0);
    const limit = Number(target.query.get("limit") ?? Number.MAX_SAFE_INTEGER);
    const next = start + limit < items.length ? { continue: String(start + limit) } : {};
    const metadata = { resourceVersion: String(this.#version), ...next };
    return answer(200, {
      kind: "List",
      apiVersion: "v1",
      metadata,
      items: items.slice(start, start + limit),
    });
  }

  #create(target: Target, body: Stored): unknown {
    if (target.subresource === "binding") return this.#bind(target, body);
    if (target.subresource === "eviction") return this.#delete({ ...target, subresource: undefined }, {});
    const prefix = body.metadata["generateName"] as string | undefined;
    const name =
      (body.metadata["name"] as string | undefined) ??
      `${prefix}${(++this.#version).toString(36).padStart(5, "x")}`;
    const key = keyOf({ ...target, name });
    if (this.#objects(target.collection).has(key))
      throw failure("AlreadyExists", `${target.resource} "${name}" already exists`);
    const namespace = target.namespace === undefined ? {} : { namespace: target.namespace };
    const metadata = { ...body.metadata, name, ...namespace, uid: `uid-${++this.#version}`, generation: 1 };
    const made = { ...body, metadata: { creationTimestamp: timeText(Date.now()), ...metadata } };
    return this.#put("ADDED", target.collection, key, made);
  }

  #bind(target: Target, body: Stored): unknown {
    const pod = this.#get({ ...target, subresource: undefined });
    const spec = pod["spec"] as Record<string, unknown>;
    if (spec["nodeName"] !== undefined)
      throw failure("Conflict", `pod ${target.name} is already assigned to node`);
    const node = (body["target"] as { name: string }).name;
    this.#put("MODIFIED", target.collection, keyOf(target), { ...pod, spec: { ...spec, nodeName: node } });
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };
  }

  #update(target: Target, next: Stored): unknown {
    const before = this.#get(target);
    const asked = next.metadata["resourceVersion"];
    if (asked !== undefined && asked !== before.metadata["resourceVersion"])
      throw failure("Conflict", `${target.resource} "${target.name}": the object has been modified`);
    const after = target.subresource === "status" ? statusOf(before, next) : mainOf(before, next);
    const isSame =
      JSON.stringify({ ...after, metadata: { ...after.metadata, resourceVersion: 0 } }) ===
      JSON.stringify({ ...before, metadata: { ...before.metadata, resourceVersion: 0 } });
    if (isSame) return before;
    const finalizers = (after.metadata["finalizers"] as string[] | undefined) ?? [];
    if (after.metadata["deletionTimestamp"] !== undefined && finalizers.length === 0 && isForced(after))
      return this.#remove(target, after);
    return this.#put("MODIFIED", target.collection, keyOf(target), after);
  }

  #delete(target: Target, options: Record<string, unknown>): unknown {
    const object = this.#get(target);
    const wanted = options["preconditions"] as { uid?: string; resourceVersion?: string } | undefined;
    if (wanted?.uid !== undefined && wanted.uid !== object.metadata["uid"])
      throw failure("Conflict", `the UID in the precondition does not match`);
    if (
      wanted?.resourceVersion !== undefined &&
      wanted.resourceVersion !== object.metadata["resourceVersion"]
    )
      throw failure("Conflict", `the ResourceVersion in the precondition does not match`);
    const finalizers = [...((object.metadata["finalizers"] as string[] | undefined) ?? [])];
    const policy = options["propagationPolicy"];
    if (policy === "Foreground" && !finalizers.includes("foregroundDeletion"))
      finalizers.push("foregroundDeletion");
    if (policy === "Orphan" && !finalizers.includes("orphan")) finalizers.push("orphan");
    const graceS =
      target.resource === "pods"
        ? ((options["gracePeriodSeconds"] as number | undefined) ?? graceOf(object))
        : 0;
    if (finalizers.length === 0 && graceS === 0) return this.#remove(target, object);
    const marks = {
      deletionTimestamp: object.metadata["deletionTimestamp"] ?? timeText(Date.now()),
      deletionGracePeriodSeconds: graceS,
    };
    const generation = ((object.metadata["generation"] as number | undefined) ?? 0) + 1;
    const metadata = {
      ...object.metadata,
      ...marks,
      generation,
      ...(finalizers.length > 0 ? { finalizers } : {}),
    };
    return this.#put("MODIFIED", target.collection, keyOf(target), { ...object, metadata });
  }

  #deleteAll(target: Target): TransportResponse {
    for (const object of this.#objects(target.collection).values())
      if (matches(object, target)) this.#delete({ ...target, ...refOf(object) }, {});
    return answer(200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" });
  }

  #remove(target: Target, object: Stored): Stored {
    this.#objects(target.collection).delete(keyOf(target));
    return this.#note("DELETED", target.collection, object);
  }

  #put(type: Change["type"], collection: string, key: string, object: Stored): Stored {
    const kept = this.#note(type, collection, object);
    this.#objects(collection).set(key, kept);
    return kept;
  }

  #note(type: Change["type"], collection: string, object: Stored): Stored {
    const version = ++this.#version;
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#history.push({ type, version, collection, object: kept });
    for (const wake of this.#watchers) wake();
    return kept;
  }

  #watch(target: Target, signal: AbortSignal): TransportResponse {
    const isStreaming = target.query.get("sendInitialEvents") === "true";
    if (isStreaming && !this.canStream) throw failure("Invalid", "sendInitialEvents is forbidden for watch");
    const asked = Number(target.query.get("resourceVersion") ?? 0);
    if (!isStreaming && asked !== 0 && asked < this.#compacted)
      throw failure("Expired", `too old resource version: ${asked} (${this.#compacted})`);
    return {
      kind: "answer",
      status: 200,
      body: this.#events(target, isStreaming ? undefined : asked, signal),
    };
  }

  async *#events(target: Target, after: number | undefined, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let position = after ?? this.#version;
    let isOver = false;
    let wake = () => {};
    const end = () => {
      isOver = true;
      wake();
    };
    const changed = () => wake();
    this.#watchers.add(changed);
    this.#ended.add(end);
    signal.addEventListener("abort", end, { once: true });
    try {
      if (after === undefined) {
        for (const object of this.#objects(target.collection).values())
          if (matches(object, target)) yield line("ADDED", object);
        const annotations = { "k8s.io/initial-events-end": "true" };
        yield line("BOOKMARK", { metadata: { resourceVersion: String(position), annotations } });
      }
      while (!isOver) {
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        for (const change of this.#history.filter(({ version }) => version > position)) {
          position = change.version;
          if (change.collection === target.collection && matches(change.object, target))
            yield line(change.type, change.object);
        }
        if (!isOver && this.#version > position && this.#history.some(({ version }) => version > position))
          continue;
        if (!isOver) await woken.promise;
      }
      signal.throwIfAborted();
    } finally {
      this.#watchers.delete(changed);
      this.#ended.delete(end);
      signal.removeEventListener("abort", end);
    }
  }
}

function line(type: string, object: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify({ type, object })}\n`);
}

function answer(status: number, body: unknown): TransportResponse {
  return { kind: "answer", status, body: bytesOf(JSON.stringify(body)) };
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield encoder.encode(text);
}

function bodyOf({ body }: TransportRequest): unknown {
  if (body === undefined) return {};
  return JSON.parse(new TextDecoder().decode(body.bytes as Uint8Array));
}

function targetOf(path: string): Target {
  const url = new URL(path, "http://memory");
  const parts = url.pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decodeURIComponent);
  const group = parts[0] === "api" ? "" : (parts[1] ?? "");
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const isBelow =
    rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize";
  const namespace = isBelow ? rest[1] : undefined;
  const [resource = "", name, subresource] = isBelow ? rest.slice(2) : rest;
  return {
    collection: `${resource}.${group}`,
    resource,
    namespace,
    name,
    subresource,
    query: url.searchParams,
  };
}

function keyOf({ namespace, name }: { namespace: string | undefined; name: string | undefined }): string {
  return `${namespace ?? ""}/${name}`;
}

function refOf({ metadata }: Stored): { readonly namespace: string | undefined; readonly name: string } {
  return { namespace: metadata["namespace"] as string | undefined, name: metadata["name"] as string };
}

function matches(object: Stored, { namespace, query }: Target): boolean {
  if (namespace !== undefined && object.metadata["namespace"] !== namespace) return false;
  const labels = (object.metadata["labels"] ?? {}) as Record<string, string>;
  const wanted = (query.get("labelSelector") ?? "").split(",").filter((term) => term !== "");
  if (!wanted.every((term) => labels[term.split("=")[0] ?? ""] === term.split("=").at(-1))) return false;
  const fields = (query.get("fieldSelector") ?? "").split(",").filter((term) => term !== "");
  return fields.every((term) => String(valueAt(object, term.split("=")[0] ?? "")) === term.split("=").at(-1));
}

function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const part of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
  return value ?? "";
}

/** What an update of the status changes: only that, and conditions of metadata that it may. */
function statusOf(before: Stored, next: Stored): Stored {
  return { ...before, status: next["status"] };
}

function mainOf(before: Stored, next: Stored): Stored {
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = before.metadata;
  const isChanged = JSON.stringify(before["spec"]) !== JSON.stringify(next["spec"]);
  const generation = ((before.metadata["generation"] as number | undefined) ?? 0) + (isChanged ? 1 : 0);
  const server = { uid, creationTimestamp, generation };
  const deletion = deletionTimestamp === undefined ? {} : { deletionTimestamp, deletionGracePeriodSeconds };
  const status = before["status"] === undefined ? {} : { status: before["status"] };
  const { resourceVersion: _, ...metadata } = next.metadata;
  return {
    ...next,
    ...status,
    metadata: { ...metadata, resourceVersion: before.metadata["resourceVersion"], ...server, ...deletion },
  };
}

/** @see RFC 7386; and owners as a strategic merge patch has them */
function merged(before: unknown, patch: unknown, name = ""): unknown {
  if (name === "ownerReferences" && Array.isArray(patch))
    return mergedOwners((before ?? []) as Owner[], patch as Owner[]);
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result = { ...(typeof before === "object" && !Array.isArray(before) ? before : {}) } as Record<
    string,
    unknown
  >;
  for (const [name, value] of Object.entries(patch))
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value, name);
  return result;
}

type Owner = { readonly uid: string; readonly $patch?: string };

function mergedOwners(before: readonly Owner[], patch: readonly Owner[]): readonly Owner[] {
  const kept = before.filter(({ uid }) => !patch.some((other) => other.uid === uid));
  return [...kept, ...patch.filter(({ $patch }) => $patch !== "delete")];
}

function graceOf(object: Stored): number {
  const spec = object["spec"] as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  const phase = (object["status"] as { phase?: string } | undefined)?.phase;
  if (spec?.nodeName === undefined || phase === "Succeeded" || phase === "Failed") return 0;
  return spec.terminationGracePeriodSeconds ?? 30;
}

function isForced(object: Stored): boolean {
  return (object.metadata["deletionGracePeriodSeconds"] ?? 0) === 0;
}
