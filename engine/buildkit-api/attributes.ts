import { createHash } from "node:crypto";
import type { HostConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { asObject, asString, optionalStringMap } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";

type Attributes = ReadonlyMap<string, string>;

/** A cache that a client names. */
export interface CacheEntry {
  readonly type: string;
  readonly attrs: Attributes;
  /** For people. */
  readonly id: string;
}

/** What a client says about a build with the Dockerfile front end. */
export interface BuildAttributes {
  readonly filename: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  readonly usesCache: boolean;
  readonly uncachedStages: readonly string[];
  readonly pulls: boolean;
  readonly networkMode: string;
  readonly hostname: string;
  readonly limits: Partial<HostConfig>;
  /** Of `--build-context`, by name: `local:…`, `docker-image://…`, an address, or `input:…`. */
  readonly contexts: ReadonlyMap<string, string>;
  /** An address where the files of the build are; empty when the client has them. */
  readonly remote: string;
  /** Names of the client's folders. */
  readonly contextKey: string;
  readonly dockerfileKey: string;
  /** Of `--cache-from`. */
  readonly cacheFrom: readonly CacheEntry[];
  /** A question about the Dockerfile, instead of a build. */
  readonly request: string;
}

/** @throws {Fault} `invalid` for values that make no sense */
export function parseAttributes(attributes: Attributes): BuildAttributes {
  const text = (name: string) => attributes.get(name) ?? "";
  const noCache = attributes.get("no-cache");
  const network = text("force-network-mode");
  return {
    filename: text("filename") === "" ? "Dockerfile" : text("filename"),
    target: text("target"),
    args: withPrefix(attributes, "build-arg:"),
    labels: withPrefix(attributes, "label:"),
    platforms: listOf(text("platform")),
    usesCache: noCache !== "",
    uncachedStages: listOf(noCache ?? "").map((name) => name.toLowerCase()),
    pulls: text("image-resolve-mode") === "pull",
    networkMode: networkOf(network),
    hostname: text("hostname") === "" ? "buildkitsandbox" : text("hostname"),
    limits: limitsOf(attributes),
    contexts: new Map(Object.entries(withPrefix(attributes, "context:"))),
    remote: text("context"),
    contextKey: text("contextkey") === "" ? "context" : text("contextkey"),
    dockerfileKey: text("dockerfilekey") === "" ? "dockerfile" : text("dockerfilekey"),
    cacheFrom: cacheImports(text("cache-imports")),
    request: text("requestid"),
  };
}

function networkOf(mode: string): string {
  if (mode === "" || mode === "sandbox" || mode === "default") return "default";
  if (mode === "none" || mode === "host") return mode;
  throw new Fault("invalid", `network mode ${JSON.stringify(mode)} not supported by buildkit`);
}

function withPrefix(attributes: Attributes, prefix: string): Readonly<Record<string, string>> {
  const found = [...attributes].filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function limitsOf(attributes: Attributes): Partial<HostConfig> {
  const shm = attributes.get("shm-size") ?? "";
  if (shm !== "" && !/^\d{1,15}$/.test(shm)) throw new Fault("invalid", `invalid shm-size: ${shm}`);
  const ulimits = listOf(attributes.get("ulimit") ?? "").map(ulimitOf);
  const hosts = listOf(attributes.get("add-hosts") ?? "").map((host) => host.replace("=", ":"));
  const parent = attributes.get("cgroup-parent") ?? "";
  return {
    ...(shm !== "" && Number(shm) > 0 && { ShmSize: Number(shm) }),
    ...(ulimits.length > 0 && { Ulimits: ulimits }),
    ...(hosts.length > 0 && { ExtraHosts: hosts }),
    ...(parent !== "" && { CgroupParent: parent }),
  };
}

function ulimitOf(text: string) {
  const [, Name = "", soft = "", hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (Name === "") throw new Fault("invalid", `invalid ulimit: ${text}`);
  return { Name, Soft: Number(soft), Hard: Number(hard) };
}

function cacheImports(text: string): readonly CacheEntry[] {
  if (text === "") return [];
  const list = parseStrictJson(Buffer.from(text), "cache-imports");
  if (!Array.isArray(list)) throw new Fault("invalid", "invalid cache-imports");
  return list.map((value: unknown) => {
    const entry = asObject(value, "cache-imports");
    const type = asString(entry["Type"] ?? "", "cache-imports");
    const attrs = new Map(Object.entries(optionalStringMap(entry["Attrs"], "cache-imports") ?? {}));
    return { type, attrs, id: cacheId(type, attrs) };
  });
}

function cacheId(type: string, attrs: Attributes): string {
  const ref = attrs.get("ref");
  if (type === "registry" && ref !== undefined) return ref;
  const hash = createHash("sha256")
    .update(JSON.stringify([type, ...attrs]))
    .digest();
  return `${type}:${hash.readBigUInt64BE()}`;
}
