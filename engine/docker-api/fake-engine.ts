import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { usualPolicy } from "#base/container-policy.ts";
import { Fault } from "#base/fault.ts";
import { usualRegistries } from "#base/registry-settings.ts";
import type { Log } from "#base/log.ts";
import { formatTime } from "#base/time.ts";
import type { Authorization } from "#engine/authorization/authorization.ts";
import { EventBus } from "#engine/events/event-bus.ts";
import type { ImageRecord, Images, LoadOptions } from "#engine/images/images.ts";
import type { Member, NetworkManagement, NetworkRecord } from "#engine/network/networks.ts";
import type { VolumeRecord } from "#engine/volumes/volume-record.ts";
import type { Volumes } from "#engine/volumes/volume-service.ts";
import { readHostFacts } from "#host/facts.ts";
import type { Digest } from "#oci/digest.ts";
import { FakeContainers } from "./fake-containers.ts";
import { type DockerApiDeps, dockerRoutes } from "./routes.ts";
import { DockerServer } from "./server.ts";

const IMAGE_ID = `sha256:${"ab".repeat(32)}` as Digest;
const MANIFEST = `sha256:${"cd".repeat(32)}` as Digest;

const image: ImageRecord = {
  id: IMAGE_ID,
  manifest: MANIFEST,
  descriptor: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: MANIFEST, size: 400 },
  config: {
    created: "2026-01-02T03:04:05Z",
    architecture: "amd64",
    os: "linux",
    config: { Labels: { tier: "test" }, Cmd: ["echo", "hi"] },
    rootfs: { type: "layers", diff_ids: [IMAGE_ID] },
    history: [{ created: "2026-01-02T03:04:05Z", created_by: "import" }],
  },
  layers: [
    {
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: MANIFEST,
      size: 50,
      unpackedSize: 100,
    },
  ],
  chainIds: [IMAGE_ID],
  size: 100,
  repoTags: ["bb:latest"],
  repoDigests: [],
};

class FakeImages implements Images {
  readonly admission = { using: () => undefined, hasPolicy: false };

  list(): readonly ImageRecord[] {
    return [image];
  }

  findById(id: Digest): ImageRecord | undefined {
    return id === image.id ? image : undefined;
  }

  resolve(name: string): ImageRecord {
    if (["bb", "bb:latest", IMAGE_ID, "ab".repeat(6)].includes(name)) return image;
    if (/[A-Z]/.test(name))
      throw new Fault("invalid", "invalid reference format: repository name must be lowercase");
    throw new Fault("not-found", `No such image: ${name.includes(":") ? name : `${name}:latest`}`);
  }

  async load(archive: Readable, { report }: LoadOptions): Promise<void> {
    const { length } = await buffer(archive);
    if (length === 0) throw new Fault("invalid", "unexpected EOF");
    report({ status: "Loading layer", id: "abc", progressDetail: { current: length, total: length } });
    if (length < 10) throw new Fault("invalid", "archive is truncated");
    report({ stream: "Loaded image: bb:latest\n" });
  }

  async save(names: readonly string[]): Promise<Readable> {
    for (const name of names) this.resolve(name);
    return Readable.from([Buffer.alloc(1024)]);
  }

  async importRootfs(archive: Readable): Promise<Digest> {
    await buffer(archive);
    return IMAGE_ID;
  }

  async commit(): Promise<Digest> {
    return IMAGE_ID;
  }

  async tag(name: string, repository: string): Promise<void> {
    this.resolve(name);
    if (!/^[a-z0-9./-]+$/.test(repository)) throw new Fault("invalid", "invalid reference format");
  }

  async remove(name: string) {
    this.resolve(name);
    return [{ Untagged: "bb:latest" }];
  }

  async prune() {
    return { removed: [], bytes: 0 };
  }
}

const refuse = () => Promise.reject(new Fault("not-implemented", "no registry here"));
const noDistribution = { pull: refuse, push: refuse, inspect: refuse, login: refuse, search: refuse };

class FakeNetworks implements NetworkManagement {
  readonly #networks = new Map<string, NetworkRecord>(
    ["bridge", "host", "none"].map((name) => [name, networkRecord(name)]),
  );

  list(): readonly NetworkRecord[] {
    return [...this.#networks.values()];
  }

  get(ref: string): NetworkRecord {
    const found = this.list().find(({ name, id }) => name === ref || id === ref);
    if (found === undefined) throw new Fault("not-found", `network ${ref} not found`);
    return found;
  }

  members(): readonly Member[] {
    return [];
  }

  async create({ Name = "" }: { readonly Name?: string }): Promise<NetworkRecord> {
    if (Name === "") throw new Fault("invalid", "invalid name: name is empty");
    if (Name === "default")
      throw new Fault("forbidden", "operation is not permitted on predefined default network ");
    if (this.#networks.has(Name))
      throw new Fault("already-exists", `network with name ${Name} already exists`);
    const record = networkRecord(Name);
    this.#networks.set(Name, record);
    return record;
  }

  async remove(ref: string): Promise<void> {
    const { name } = this.get(ref);
    if (["bridge", "host", "none"].includes(name))
      throw new Fault("forbidden", `${name} is a pre-defined network and cannot be removed`);
    this.#networks.delete(name);
  }

  async prune(matches: (network: NetworkRecord) => boolean): Promise<readonly string[]> {
    const removed = this.list().filter(({ name }) => !["bridge", "host", "none"].includes(name));
    for (const { name } of removed.filter(matches)) this.#networks.delete(name);
    return removed.filter(matches).map(({ name }) => name);
  }
}

function networkRecord(name: string): NetworkRecord {
  return {
    name,
    id: Buffer.from(name.padEnd(32, "-")).toString("hex").slice(0, 64),
    created: "2026-01-02T03:04:05Z",
    driver: name === "none" ? "null" : name === "host" ? "host" : "bridge",
    bridge: "",
    isInternal: false,
    isAttachable: false,
    hasIPv6: false,
    hasChosenSubnet: false,
    options: {},
    labels: {},
    ipam: { driver: "default", options: null, config: [] },
  };
}

class FakeVolumes implements Volumes {
  readonly #volumes = new Map<string, VolumeRecord>();

  async create({ name = "anonymous", labels = null }: Parameters<Volumes["create"]>[0]) {
    const record = {
      name,
      id: name,
      createdAt: "2026-01-02T03:04:05Z",
      labels: labels ?? null,
      options: null,
    };
    this.#volumes.set(name, record);
    return record;
  }

  get(name: string): VolumeRecord {
    const found = this.#volumes.get(name);
    if (found === undefined) throw new Fault("not-found", `get ${name}: no such volume`);
    return found;
  }

  list(): readonly VolumeRecord[] {
    return [...this.#volumes.values()];
  }

  usersOf(): readonly string[] {
    return [];
  }

  mountpointOf({ name }: VolumeRecord): string {
    return `/volumes/${name}/_data`;
  }

  async sizeOf(): Promise<number> {
    return 5;
  }

  async remove(name: string): Promise<void> {
    this.get(name);
    this.#volumes.delete(name);
  }

  async prune(matches: (record: VolumeRecord) => boolean) {
    const removed = this.list()
      .filter(matches)
      .map(({ name }) => name);
    for (const name of removed) this.#volumes.delete(name);
    return { removed, bytes: 5 * removed.length };
  }
}

/** A server on a socket of its own with everything behind it in memory. */
export interface FakeEngine extends AsyncDisposable {
  readonly socket: string;
  readonly deps: DockerApiDeps;
  readonly containers: FakeContainers;
  readonly events: EventBus;
  /** Messages that were logged as errors: what the API answers with 500. */
  readonly errors: readonly string[];
}

/** @param change replaces some of what stands behind the server */
export async function openFakeEngine(
  change: Partial<DockerApiDeps> = {},
  authorization?: Authorization,
): Promise<FakeEngine> {
  const folder = await mkdtemp(join(tmpdir(), "docker-api-"));
  let last = 0n;
  // Never the same twice, or "before" and "since" would be a matter of luck.
  const now = () => {
    const read = BigInt(Date.now()) * 1_000_000n;
    last = read > last ? read : last + 1n;
    return last;
  };
  const events = new EventBus(now);
  const images = new FakeImages();
  const containers = new FakeContainers({ images, events, now });
  const errors: string[] = [];
  const deps: DockerApiDeps = {
    containers,
    images,
    distribution: noDistribution,
    builds: {
      builder: () => Promise.reject(new Fault("not-implemented", "nothing is built here")),
      cache: () => [],
      prune: async () => ({ removed: [], bytes: 0 }),
    },
    buildkit: () => Promise.reject(new Fault("not-implemented", "nothing is built here")),
    networks: new FakeNetworks(),
    volumes: new FakeVolumes(),
    snapshots: { root: "/snapshots", mountOf: () => ({ lower: ["1/fs"], upper: "2/fs", work: "2/work" }) },
    events,
    identity: identityOfTests,
    isRemapped: false,
    host: readHostFacts(),
    defaultPaths: { masked: ["/proc/kcore"], readonly: ["/proc/sys"] },
    usage: async () => ({ hostCpu: 1e9, onlineCpus: 2, networks: {} }),
    ps: async () => `UID PID CMD\nroot ${process.pid} node test\nroot 1 init\n`,
    now,
    ...change,
  };
  const server = new DockerServer({
    routes: dockerRoutes(deps),
    version: "0.0.1",
    log: errorLog(errors),
    ...(authorization !== undefined && { authorization }),
  });
  const socket = join(folder, "docker.sock");
  await server.listen(socket);
  return {
    socket,
    deps,
    containers,
    events,
    errors,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

const identityOfTests = {
  loggingDriver: "json-file",
  id: "test",
  version: "0.0.1",
  gitCommit: "none",
  buildTime: formatTime(0n),
  root: "/var/lib/gantry",
  hostname: "host",
  kernelRelease: "6.1",
  operatingSystem: "Linux",
  osVersion: "1",
  runtime: { name: "crun", version: "1.8.1" },
  runtimes: { byName: { crun: { path: "/usr/bin/crun" } }, defaultName: "crun" },
  backingFileSystem: "extfs",
  authorizationPlugins: [],
  policy: usualPolicy,
  registries: usualRegistries,
  warnings: [],
};

function errorLog(errors: string[]): Log {
  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => void errors.push(`${message}: ${JSON.stringify(fields)}`),
    with: () => log,
  };
  return log;
}
