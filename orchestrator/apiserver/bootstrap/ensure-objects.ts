import type { KubeObject } from "#api/kube/meta.ts";
import type { Log } from "#base/log.ts";
import { readText } from "#client/streams.ts";
import type { Transport } from "#client/transport.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import type { BootstrapObject } from "./bootstrap-objects.ts";

export interface EnsureDeps {
  readonly objects: ObjectReader;
  readonly transport: Transport;
  readonly log: Log;
}

/** These say where the API is and who vouches for whom, which may be different after a restart. */
const following: Readonly<Record<string, readonly string[]>> = {
  ConfigMap: ["data"],
  Endpoints: ["subsets"],
  EndpointSlice: ["endpoints", "ports"],
};

/** Makes what is not there yet, through the API as everybody else does. May be repeated. */
export async function ensureObjects(
  deps: EnsureDeps,
  wanted: readonly BootstrapObject[],
  signal: AbortSignal,
): Promise<void> {
  for (const one of wanted) {
    const { path, object } = one;
    const found = findObject(deps.objects, one);
    if (found === undefined) await write(deps, "POST", path, object, signal);
    else if (isOutOfDate(one, found))
      await write(deps, "PUT", `${path}/${object.metadata.name}`, object, signal);
  }
}

/** Sends one request; what is there already is well, and what is refused is logged. */
export async function write(
  { transport, log }: Pick<EnsureDeps, "transport" | "log">,
  method: "POST" | "PUT" | "DELETE",
  path: string,
  object: object,
  signal: AbortSignal,
): Promise<void> {
  const body = { type: "application/json", bytes: Buffer.from(JSON.stringify(object)) };
  const answer = await transport.send(
    { method, path, headers: { "user-agent": "gantry-server" }, body },
    signal,
  );
  const text = await readText(answer.body);
  if (answer.status < 300 || answer.status === 409) return;
  const { status } = answer;
  log.warn("an object of the cluster's own was not written", { path, status, answer: text.slice(0, 500) });
}

function findObject(objects: ObjectReader, { path, object }: BootstrapObject): KubeObject | undefined {
  const segments = path.split("/");
  const resource = segments.at(-1) ?? "";
  const group = segments[1] === "apis" ? `.${segments[2]}` : "";
  const { namespace, name } = object.metadata as { readonly namespace?: string; readonly name: string };
  return objects.find(resource + group, namespace, name);
}

function isOutOfDate({ object }: BootstrapObject, found: KubeObject): boolean {
  const fields = following[String(object["kind"])] ?? [];
  const now = found as unknown as Readonly<Record<string, unknown>>;
  return fields.some((field) => JSON.stringify(now[field]) !== JSON.stringify(object[field]));
}
