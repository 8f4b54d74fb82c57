import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";

const nouns = [
  "engine/content",
  "engine/images",
  "engine/snapshots",
  "engine/metadata",
  "engine/gc",
  "engine/runtime",
  "engine/containers",
  "engine/build",
  "engine/network",
  "engine/volumes",
  "engine/logs",
  "engine/events",
  "engine/supervise",
  "engine/authorization",
  "engine/registry",
  "engine/registry-server",
  "engine/trust",
  "engine/sbom",
  "engine/pods",
];
const below = ["oci", "api", "host", "base"];
const engineWide = [...below, "engine/metadata", "engine/events"];

const pure = ["api", "base"];
const clusterBelow = ["api", "client", "rpc", "host", "base"];
const clientSide = ["api", "client", "base", "orchestrator/machinery"];
const clusterNouns = [
  "storage",
  "machinery",
  "kinds",
  "pki",
  "authn",
  "authz",
  "admission",
  "audit",
  "apiserver",
  "informers",
  "controllers",
  "scheduler",
  "node",
  "proxy",
  "dns",
].map((noun) => `orchestrator/${noun}`);

const hypervisorNouns = [
  "metadata",
  "access",
  "tasks",
  "cluster",
  "cloud-init",
  "qemu",
  "images",
  "disks",
  "networks",
  "transfer",
  "alerts",
  "vms",
].map((noun) => `hypervisor/${noun}`);
const hypervisorBelow = ["api", "host", "base"];
const hypervisorArrows = {
  "hypervisor/metadata": hypervisorBelow,
  "hypervisor/access": [...hypervisorBelow, "hypervisor/metadata"],
  "hypervisor/tasks": [...hypervisorBelow, "hypervisor/metadata"],
  "hypervisor/cluster": [...hypervisorBelow, "hypervisor/metadata"],
  "hypervisor/cloud-init": ["api", "base"],
  "hypervisor/qemu": hypervisorBelow,
  "hypervisor/images": [...hypervisorBelow, "hypervisor/metadata", "hypervisor/tasks"],
  "hypervisor/disks": [...hypervisorBelow, "hypervisor/metadata", "hypervisor/tasks", "hypervisor/qemu"],
  "hypervisor/networks": [...hypervisorBelow, "hypervisor/metadata"],
  "hypervisor/transfer": hypervisorBelow,
  "hypervisor/alerts": ["base"],
  "hypervisor/vms": [...hypervisorBelow, ...hypervisorNouns],
  "hypervisor/rest-api": [...hypervisorBelow, ...hypervisorNouns],
  "hypervisor/daemon": [...hypervisorBelow, ...hypervisorNouns, "hypervisor/rest-api"],
};

/** Who may import whom. Anything that is not here is an error; a room may always import itself. */
export const arrowsOf: Readonly<Record<string, readonly string[]>> = {
  base: [],
  api: ["base"],
  oci: ["base"],
  host: ["base"],
  client: ["api", "base"],
  rpc: ["api", "client", "host", "base"], // of client: how a transport looks
  "engine/metadata": below,
  "engine/events": below,
  "engine/authorization": ["base", "host"],
  "engine/registry": below,
  "engine/registry-server": [...engineWide, "engine/content", "engine/gc"],
  "engine/trust": ["base", "oci"],
  "engine/sbom": ["base", "oci"],
  "engine/content": engineWide,
  "engine/supervise": engineWide,
  "engine/logs": engineWide,
  "engine/snapshots": [...engineWide, "engine/content"],
  "engine/images": [
    ...engineWide,
    "engine/content",
    "engine/snapshots",
    "engine/gc",
    "engine/registry",
    "engine/trust",
  ],
  "engine/gc": [...engineWide, "engine/content", "engine/snapshots"],
  "engine/network": [...engineWide, "engine/supervise"],
  "engine/volumes": [...engineWide, "engine/snapshots"],
  "engine/runtime": [
    ...engineWide,
    "engine/supervise",
    "engine/snapshots",
    "engine/volumes",
    "engine/network",
  ],
  "engine/containers": [
    ...engineWide,
    "engine/runtime",
    "engine/images",
    "engine/snapshots",
    "engine/network",
    "engine/volumes",
    "engine/logs",
    "engine/supervise",
  ],
  "engine/build": [
    ...engineWide,
    "engine/content",
    "engine/runtime",
    "engine/images",
    "engine/snapshots",
    "engine/gc",
    "engine/network",
    "engine/volumes",
    "engine/logs",
    "engine/supervise",
    "engine/sbom",
  ],
  "engine/buildkit-api": [
    ...engineWide,
    "rpc",
    "engine/build",
    "engine/content",
    "engine/images",
    "engine/snapshots",
    "engine/gc",
    "engine/runtime",
    "engine/sbom",
  ],
  "engine/pods": [
    ...engineWide,
    "engine/runtime",
    "engine/containers",
    "engine/images",
    "engine/snapshots",
    "engine/network",
    "engine/volumes",
    "engine/logs",
    "engine/supervise",
  ],
  "engine/cri-api": [
    ...engineWide,
    "rpc",
    "engine/pods",
    "engine/containers",
    "engine/images",
    "engine/registry",
    "engine/runtime",
    "engine/supervise",
  ],
  "engine/docker-api": [
    ...below,
    ...nouns.filter((noun) => noun !== "engine/registry-server" && noun !== "engine/pods"),
  ],
  "engine/daemon": [...below, ...nouns, "engine/docker-api", "engine/buildkit-api", "engine/cri-api"],
  "orchestrator/storage": ["rpc", "host", "base"],
  "orchestrator/machinery": pure,
  "orchestrator/kinds": [...pure, "orchestrator/machinery"],
  "orchestrator/pki": [...pure, "host"],
  "orchestrator/authn": [...pure, "host", "orchestrator/machinery"],
  "orchestrator/authz": [...pure, "orchestrator/machinery", "orchestrator/authn"],
  "orchestrator/admission": [
    ...pure,
    "host",
    "orchestrator/machinery",
    "orchestrator/authn",
    "orchestrator/authz",
  ],
  "orchestrator/audit": [...pure, "host", "orchestrator/machinery", "orchestrator/authn"],
  "orchestrator/apiserver": [
    ...clusterBelow,
    "orchestrator/storage",
    "orchestrator/machinery",
    "orchestrator/kinds",
    "orchestrator/authn",
    "orchestrator/authz",
    "orchestrator/admission",
    "orchestrator/audit",
  ],
  "orchestrator/informers": clientSide,
  "orchestrator/controllers": [
    ...clientSide,
    "orchestrator/admission",
    "host",
    "orchestrator/informers",
    "orchestrator/pki",
  ],
  "orchestrator/scheduler": [...clientSide, "orchestrator/informers"],
  "orchestrator/node": [...clientSide, "host", "rpc", "orchestrator/informers", "orchestrator/pki"],
  "orchestrator/proxy": [...clientSide, "host", "orchestrator/informers"],
  "orchestrator/dns": [...clientSide, "host", "orchestrator/informers"],
  "orchestrator/daemon": [...clusterBelow, ...clusterNouns],
  ...hypervisorArrows,
  cli: [
    "client",
    "oci",
    "api",
    "rpc",
    "host",
    "base",
    "engine/trust",
    "engine/sbom",
    "engine/registry", // lists of manifests go from the command line to registries
    "orchestrator/audit",
    "orchestrator/machinery",
  ],
  bin: ["engine/daemon", "orchestrator/daemon", "hypervisor/daemon", "cli", "base", "host"],
  bench: ["base", "host", "client", "rpc", "api", "engine/logs"],
};

/** These may import anything. */
const free = new Set(["test", "tools"]);

export interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly from: string;
  readonly to: string;
}

export function isAllowed(from: string, to: string): boolean {
  return from === to || free.has(from) || (arrowsOf[from]?.includes(to) ?? false);
}

/** Every import in the tree that crosses from one room to another; tests count as part of the room they stand in. */
export function importsOf(root: string): readonly Import[] {
  const found: Import[] = [];
  for (const file of sourcesOf(root)) {
    const isTest = /\.(test|contract)\.ts$/.test(file);
    for (const [, named, bare, lazy] of readFileSync(join(root, file), "utf8").matchAll(
      /^(?:import|export)[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|import\("([^"]+)"\)/gm,
    )) {
      const specifier = named ?? bare ?? lazy;
      const target = specifier === undefined ? undefined : targetOf(file, specifier);
      if (target === undefined) continue;
      const from = roomOf(file);
      const to = roomOf(target);
      if (from !== to && !isTest) found.push({ file, specifier: specifier ?? "", from, to });
    }
  }
  return found;
}

function targetOf(file: string, specifier: string): string | undefined {
  if (specifier.endsWith(".json")) return undefined; // data is no room
  if (specifier.startsWith("#")) return specifier.slice(1);
  if (specifier.startsWith(".")) return posix.join(dirname(file), specifier);
  return undefined;
}

function roomOf(file: string): string {
  const [area = "", ...rest] = file.split("/");
  if (area !== "engine" && area !== "orchestrator" && area !== "hypervisor") return area;
  return rest.length === 1 ? `${area}/daemon` : `${area}/${rest[0]}`;
}

function* sourcesOf(root: string, folder = root): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourcesOf(root, path);
    else if (entry.name.endsWith(".ts")) yield relative(root, path);
  }
}
