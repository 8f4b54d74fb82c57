import type { HostConfig } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import type { BuildRequest } from "#engine/build/builder.ts";
import { parseReference, type Reference, withDefaultTag } from "#oci/reference.ts";
import type { Query } from "./query.ts";

export interface BuildOptions extends Omit<BuildRequest, "dockerfile" | "dockerfileName" | "root"> {
  readonly dockerfileName: string;
  readonly remote: string;
  readonly isQuiet: boolean;
  readonly id: string;
}

/**
 * The query of `POST /build`.
 *
 * @throws {Fault} `invalid` with Docker's texts
 * @see Docker Engine API v1.51, POST /build
 */
export function parseBuildOptions(query: Query): BuildOptions {
  if (query.boolean("squash")) throw new Fault("invalid", "squash is only supported with experimental mode");
  if (query.boolean("forcerm") && query.text("rm") !== "" && !query.boolean("rm"))
    throw new Fault("invalid", "force-remove requires remove");
  const isolation = query.text("isolation");
  if (!["", "default"].includes(isolation))
    throw new Fault("invalid", `unsupported isolation: ${JSON.stringify(isolation)}`);
  const networkMode = query.text("networkmode");
  return {
    dockerfileName: query.text("dockerfile"),
    remote: query.text("remote"),
    isQuiet: query.boolean("q"),
    id: query.text("buildid"),
    args: jsonOf(query, "buildargs", "build args", isTextOrNull) as Readonly<Record<string, string | null>>,
    labels: jsonOf(query, "labels", "labels", isText) as Readonly<Record<string, string>>,
    target: query.text("target"),
    tags: tagsOf(query.all("t")),
    pulls: query.boolean("pull"),
    usesCache: !query.boolean("nocache"),
    cacheFrom: listOf(query, "cachefrom"),
    platform: query.text("platform"),
    networkMode: networkMode === "" ? "default" : networkMode,
    limits: limitsOf(query),
  };
}

function tagsOf(names: readonly string[]): readonly Reference[] {
  const tags = new Map<string, Reference>();
  for (const name of names) {
    if (name === "") continue;
    const reference = parseReference(name);
    if (reference.digest !== undefined) throw new Fault("invalid", "build tag cannot contain a digest");
    const tagged = withDefaultTag(reference);
    tags.set(JSON.stringify(tagged), tagged);
  }
  return [...tags.values()];
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}

function jsonOf(query: Query, name: string, what: string, isSound: (value: unknown) => boolean): object {
  const value = parseJson(query, name, what);
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value) || !Object.values(value).every(isSound))
    throw new Fault("invalid", `error reading ${what}: json: cannot unmarshal into a map of strings`);
  return value;
}

function parseJson(query: Query, name: string, what: string): unknown {
  const text = query.text(name);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    const character = /Unexpected token '(.)'/u.exec(messageOf(error))?.[1];
    const reason =
      character === undefined
        ? "unexpected end of JSON input"
        : `invalid character '${character}' looking for beginning of value`;
    throw new Fault("invalid", `error reading ${what}: ${reason}`);
  }
}

function listOf(query: Query, name: string): readonly string[] {
  const value = parseJson(query, name, name);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw new Fault("invalid", `error reading ${name}: not a list of strings`);
  return value;
}

const numbers = [
  ["memory", "Memory"],
  ["memswap", "MemorySwap"],
  ["cpushares", "CpuShares"],
  ["cpuperiod", "CpuPeriod"],
  ["cpuquota", "CpuQuota"],
  ["shmsize", "ShmSize"],
] as const;

/** What steps may use. */
function limitsOf(query: Query): Partial<HostConfig> {
  const limits: Record<string, unknown> = {};
  for (const [name, field] of numbers) {
    const value = query.findInteger(name) ?? 0;
    if (value !== 0) limits[field] = value;
  }
  const texts = {
    CpusetCpus: query.text("cpusetcpus"),
    CpusetMems: query.text("cpusetmems"),
    CgroupParent: query.text("cgroupparent"),
  };
  for (const [field, value] of Object.entries(texts)) if (value !== "") limits[field] = value;
  const hosts = query
    .all("extrahosts")
    .flatMap((text) => text.split(","))
    .filter((host) => host !== "");
  if (hosts.length > 0) limits["ExtraHosts"] = hosts;
  const ulimits = parseJson(query, "ulimits", "ulimits");
  if (Array.isArray(ulimits) && ulimits.length > 0) limits["Ulimits"] = ulimits;
  const security = listOf(query, "securityopt");
  if (security.length > 0)
    throw new Fault(
      "invalid",
      "The daemon on this platform does not support setting security options on build",
    );
  return limits as Partial<HostConfig>;
}
