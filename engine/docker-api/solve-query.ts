import { Fault } from "#base/fault.ts";
import type { BuildOptions } from "./build-options.ts";
import type { SolveOrder } from "./buildkit.ts";
import type { Query } from "./query.ts";

/**
 * What `POST /build?version=2` asks for with a session, in BuildKit's words: the session has the files, the query has the rest.
 *
 * @throws {Fault} `invalid` for outputs that make no sense
 */
export function solveOrderOf(query: Query, options: BuildOptions): SolveOrder {
  const { dockerfileName, remote, args, labels, target, pulls, usesCache, platform, networkMode } = options;
  const { ShmSize, CgroupParent, ExtraHosts = [], Ulimits = [] } = options.limits;
  const attributes = new Map<string, string>();
  const set = (name: string, value: string) => {
    if (value !== "") attributes.set(name, value);
  };
  set("filename", dockerfileName);
  set("context", remote === "client-session" ? "" : remote);
  set("target", target);
  set("platform", platform);
  set("cache-from", options.cacheFrom.join(","));
  set("image-resolve-mode", pulls ? "pull" : "");
  set("force-network-mode", networkMode === "default" ? "" : networkMode);
  set("shm-size", ShmSize === undefined ? "" : String(ShmSize));
  set("cgroup-parent", CgroupParent ?? "");
  set("add-hosts", (ExtraHosts ?? []).map((host) => host.replace(":", "=")).join(","));
  set("ulimit", (Ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(","));
  if (!usesCache) attributes.set("no-cache", "");
  for (const [name, value] of Object.entries(args))
    if (value !== null) attributes.set(`build-arg:${name}`, value);
  for (const [name, value] of Object.entries(labels)) attributes.set(`label:${name}`, value);
  return {
    ref: options.id,
    session: query.text("session"),
    attributes,
    exporters: exportersOf(query, query.all("t").join(",")),
  };
}

/** An image under the tags, unless the client says where the result is to go. */
function exportersOf(query: Query, names: string): SolveOrder["exporters"] {
  const asked = outputsOf(query.text("outputs"));
  const image = { type: "moby", attrs: new Map(names === "" ? [] : [["name", names]]) };
  if (asked.length === 0) return [image];
  return asked.map(({ Type, Attrs }) =>
    Type === "" || Type === "moby" ? image : { type: Type, attrs: new Map(Object.entries(Attrs ?? {})) },
  );
}

interface Output {
  readonly Type: string;
  readonly Attrs?: Readonly<Record<string, string>> | null;
}

function outputsOf(text: string): readonly Output[] {
  if (text === "") return [];
  let outputs: unknown;
  try {
    outputs = JSON.parse(text);
  } catch {
    throw new Fault("invalid", "invalid outputs specified: not JSON");
  }
  if (outputs === null) return [];
  if (!Array.isArray(outputs) || !outputs.every(isOutput))
    throw new Fault("invalid", "invalid outputs specified");
  return outputs;
}

function isOutput(value: unknown): value is Output {
  if (typeof value !== "object" || value === null) return false;
  const { Type, Attrs = null } = value as { readonly Type?: unknown; readonly Attrs?: unknown };
  if (typeof Type !== "string" || typeof Attrs !== "object" || Array.isArray(Attrs)) return false;
  return Object.values(Attrs ?? {}).every((item) => typeof item === "string");
}
