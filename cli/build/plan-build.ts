import { Fault, messageOf } from "#base/fault.ts";
import { formatReference, parseReference } from "#oci/reference.ts";
import type { BuildOptions } from "./build-options.ts";
import { badOption } from "./options/bad-option.ts";
import { type CacheEntry, parseCacheEntry } from "./options/cache.ts";
import { destinationOf, type Output, parseOutput } from "./options/outputs.ts";
import { parseSecrets } from "./options/secrets.ts";
import { type AgentSource, parseAgents } from "./options/ssh.ts";
import type { Destination } from "./session/file-receive.ts";
import type { SyncSource } from "./session/file-sync.ts";
import type { SecretSource } from "./session/secrets.ts";
import { cacheStores, withLocalDigest } from "./local-cache.ts";
import { openSource } from "./open-source.ts";

/** A build as the engine is asked for it. */
export interface BuildPlan {
  readonly frontendAttrs: Map<string, string>;
  readonly folders: ReadonlyMap<string, SyncSource>;
  /** An archive that is the context, by the name in its address. */
  readonly upload?: { readonly name: string; readonly archive: AsyncIterable<Uint8Array> };
  readonly exports: readonly Export[];
  readonly cacheImports: readonly CacheEntry[];
  readonly cacheExports: readonly CacheEntry[];
  /** Folders of caches, by the name that the engine has for them. */
  readonly stores: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly agents: ReadonlyMap<string, AgentSource>;
  readonly entitlements: readonly string[];
  /** Names to push when the image is there. */
  readonly pushes: readonly string[];
}

export interface Export {
  readonly type: string;
  readonly attrs: ReadonlyMap<string, string>;
  readonly destination?: Destination;
}

export interface PlanParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  readonly standardInput: () => AsyncIterable<Uint8Array>;
}

/**
 * Opens the context, and says in BuildKit's terms what is to be built.
 *
 * @throws {Fault} with buildx's texts
 */
export async function planBuild(options: BuildOptions, parts: PlanParts): Promise<BuildPlan> {
  const tags = options.tags.map(checkTag);
  const entitlements = new Set(options.entitlements.map(checkEntitlement));
  const network = networkOf(options, entitlements);
  const cacheExports = options.cacheTo.map(parseCacheEntry);
  const cacheImports = options.cacheFrom
    .map(parseCacheEntry)
    .flatMap((entry) => withLocalDigest(entry) ?? []);
  const outputs = outputsOf(options);
  const exports = outputs.map((output) => exportOf(output, tags, options.annotations, parts.isTerminal));
  const pushes = outputs.filter(isPush).flatMap((output) => pushedNames(output, tags));
  const secrets = parseSecrets(options.secrets, parts.env);
  const agents = parseAgents(options.ssh, parts.env);
  const source = await openSource(options, parts);
  return {
    frontendAttrs: new Map([
      ...source.attrs,
      ...attributesOf(options, network, cacheImports),
      ...options.attests,
    ]),
    folders: source.folders,
    ...(source.upload !== undefined && { upload: source.upload }),
    exports,
    cacheImports,
    cacheExports,
    stores: new Map([...cacheStores(cacheImports, cacheExports), ...layoutStores(exports)]),
    secrets,
    agents,
    entitlements: [...entitlements],
    pushes,
  };
}

/** By this name engines put the blobs of an output. */
const outputStore = "export";

function layoutStores(exports: readonly Export[]): readonly (readonly [string, string])[] {
  return exports.flatMap(({ destination }) =>
    destination?.kind === "layout" ? [[outputStore, destination.path] as const] : [],
  );
}

function checkTag(tag: string): string {
  try {
    return formatReference(parseReference(tag));
  } catch (error) {
    const why = messageOf(error).replace(
      /^invalid reference format: repository name .* must be lowercase$/,
      "repository name must be lowercase",
    );
    throw new Fault("invalid", `invalid tag ${JSON.stringify(tag)}: ${why}`);
  }
}

const entitlementNames = /^(network\.host|security\.insecure|device(=.*)?)$/;

function checkEntitlement(name: string): string {
  if (!entitlementNames.test(name)) throw new Fault("invalid", `unknown entitlement ${name}`);
  return name;
}

function networkOf({ network = "" }: BuildOptions, entitlements: Set<string>): string {
  if (network === "host") entitlements.add("network.host");
  if (network === "host" || network === "none") return network;
  if (network === "" || network === "default") return "";
  throw new Fault(
    "invalid",
    `network mode ${JSON.stringify(network)} not supported by buildkit - you can define a custom network for your builder using the network driver-opt in buildx create`,
  );
}

/** Bake's word for a result that only others have a use for. */
const cacheOnly = "cacheonly";

/** An image of the engine when nothing else is said. */
function outputsOf({ outputs, push, load }: BuildOptions): readonly Output[] {
  const all = outputs.filter((spec) => spec !== "").map(parseOutput);
  const parsed = all.filter(({ type }) => type !== cacheOnly);
  if (push) {
    const image = parsed.find(({ type }) => type === "image");
    if (image === undefined) parsed.push({ type: "image", attrs: { push: "true" } });
    else parsed[parsed.indexOf(image)] = { ...image, attrs: { ...image.attrs, push: "true" } };
  }
  const isLoaded = parsed.some(
    ({ type, destination }) => type === "image" || (type === "docker" && !destination),
  );
  if ((parsed.length === 0 && all.length === 0) || (load && !isLoaded))
    parsed.push({ type: "image", attrs: {} });
  return parsed;
}

function isPush({ type, attrs }: Output): boolean {
  return type === "image" && /^(1|t|true)$/i.test(attrs["push"] ?? "");
}

/** @throws {Fault} `invalid` with buildx's text when there are none */
function pushedNames({ attrs }: Output, tags: readonly string[]): readonly string[] {
  const own = (attrs["name"] ?? "").split(",").filter((name) => name !== "");
  const names = own.length > 0 ? own.map(checkTag) : tags;
  if (names.length === 0) throw new Fault("invalid", "tag is needed when pushing to registry");
  return names;
}

/** Images stay in the engine's own store, which is `moby` to it; pushing them is a step of ours. */
function exportOf(
  output: Output,
  tags: readonly string[],
  annotations: readonly string[],
  isTerminal: boolean,
): Export {
  const destination = destinationOf(output, isTerminal);
  const { push, ...given } = output.attrs;
  const isImage = ["image", "docker", "oci", "moby"].includes(output.type);
  const attrs = new Map(Object.entries(isImage || push === undefined ? given : output.attrs));
  if (isImage && tags.length > 0 && !attrs.has("name")) attrs.set("name", tags.join(","));
  if (isImage) for (const text of annotations) attrs.set(...annotationOf(text));
  const isOwn = output.type === "image" || (output.type === "docker" && destination === undefined);
  return { type: isOwn ? "moby" : output.type, attrs, ...(destination !== undefined && { destination }) };
}

/** `[type[,type]…:]key=value` as attributes of an exporter: `annotation.key` or `annotation-type.key`. */
function annotationOf(text: string): readonly [string, string] {
  const [, types = "", key = "", value] =
    /^((?:(?:index|manifest|index-descriptor|manifest-descriptor)(?:\[[^\]]*\])?,?)+:)?([^=]*)=(.*)$/s.exec(
      text,
    ) ?? [];
  if (value === undefined || key === "")
    throw badOption(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
  const type = types.replace(/:$/, "");
  return [`annotation${type === "" || type === "manifest" ? "" : `-${type}`}.${key}`, value];
}

function attributesOf(
  options: BuildOptions,
  network: string,
  cacheImports: readonly CacheEntry[],
): readonly (readonly [string, string])[] {
  const withPrefix = (prefix: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value] as const);
  const given = (name: string, value: string | undefined) =>
    value === undefined || value === "" ? [] : [[name, value] as const];
  const noCache = options.noCache
    ? [["no-cache", ""] as const]
    : given("no-cache", options.noCacheFilter.join(","));
  return [
    ...withPrefix("build-arg:", options.args),
    ...withPrefix("label:", options.labels),
    ...given("target", options.target),
    ...noCache,
    ["image-resolve-mode", options.pull ? "pull" : "local"],
    ...given("platform", options.platforms.join(",")),
    ...given("force-network-mode", network),
    ...given("add-hosts", options.addHosts.map(hostOf).join(",")),
    ...given("shm-size", options.shmSize === undefined ? "" : String(options.shmSize)),
    ...given("ulimit", options.ulimits.join(",")),
    ...given("cgroup-parent", options.cgroupParent),
    ...given(
      "cache-imports",
      cacheImports.length === 0
        ? ""
        : JSON.stringify(
            cacheImports.map(({ type, attrs }) => ({ Type: type, Attrs: Object.fromEntries(attrs) })),
          ),
    ),
  ];
}

function hostOf(spec: string): string {
  const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(spec) ?? [];
  if (name === undefined || address === undefined) throw new Fault("invalid", `invalid host ${spec}`);
  return `${name}=${address.replace(/^\[(.*)\]$/, "$1")}`;
}
