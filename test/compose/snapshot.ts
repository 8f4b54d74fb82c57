import http from "node:http";

/** What compose left in an engine, with what differs from run to run taken out. */
export interface Snapshot {
  readonly containers: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

interface Json {
  readonly [key: string]: unknown;
}

async function get<T>(socketPath: string, path: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  http
    .get({ socketPath, path, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("error", reject);
      answer.on("end", () => resolve(JSON.parse(text) as T));
    })
    .on("error", reject);
  return await promise;
}

/** Everything of a project that its files decide: configuration, mounts, networks, labels, state and exit code. */
export async function takeSnapshot(socket: string, project: string): Promise<Snapshot> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${project}`] }));
  const found = await get<readonly { readonly Id: string }[]>(
    socket,
    `/containers/json?all=1&filters=${filters}`,
  );
  const inspected = await Promise.all(found.map(({ Id }) => get<Json>(socket, `/containers/${Id}/json`)));
  const names = new Map(inspected.map((one) => [String(one["Id"]), String(one["Name"]).slice(1)]));
  const networks = await get<readonly Json[]>(socket, `/networks?filters=${filters}`);
  const { Volumes } = await get<{ readonly Volumes: readonly Json[] | null }>(
    socket,
    `/volumes?filters=${filters}`,
  );
  return {
    containers: byName(inspected.map((one) => [names.get(String(one["Id"])) ?? "", container(one, names)])),
    networks: byName(networks.map((one) => [String(one["Name"]), network(one)])),
    volumes: byName((Volumes ?? []).map((one) => [String(one["Name"]), volume(one)])),
  };
}

function byName(entries: readonly (readonly [string, unknown])[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function container(one: Json, names: ReadonlyMap<string, string>): unknown {
  const [state, config, host] = ["State", "Config", "HostConfig"].map((key) => one[key] as Json) as [
    Json,
    Json,
    Json,
  ];
  const labels = config["Labels"] as Readonly<Record<string, string>>;
  // Two builds of the same thing are two images.
  const image =
    config["Image"] === "busybox" || config["Image"] === "busybox:latest"
      ? {}
      : { "com.docker.compose.image": "<built>" };
  const dependsOn = sorted((labels["com.docker.compose.depends_on"] ?? "").split(",")).join(",");
  const { Networks } = one["NetworkSettings"] as { readonly Networks: Readonly<Record<string, Json>> };
  const health = state["Health"] as Json | undefined;
  const text = JSON.stringify({
    state: { status: state["Status"], exitCode: state["ExitCode"], hasHealth: health !== undefined },
    config: {
      ...config,
      Labels: { ...labels, "com.docker.compose.depends_on": dependsOn, ...image },
      Env: sorted(config["Env"]),
      Hostname: shortened(config["Hostname"]),
    },
    host: {
      ...host,
      Binds: sorted(host["Binds"]),
      Mounts: sortedBy(host["Mounts"], "Target"),
      ExtraHosts: sorted(host["ExtraHosts"]),
      Links: [...new Set(sorted(host["Links"]))],
      Ulimits: sortedBy(host["Ulimits"], "Name"),
      MaskedPaths: sorted(host["MaskedPaths"]),
      // Each engine has a usual one of its own.
      Runtime: undefined,
    },
    mounts: sortedBy(one["Mounts"], "Destination").map(mount),
    networks: byName(Object.entries(Networks).map(([name, endpoint]) => [name, endpointOf(endpoint)])),
  });
  const named = [...names].reduce((all, [id, name]) => all.replaceAll(id, `<${name}>`), text);
  return plain(JSON.parse(named.replace(/(?<!-hash":)"[0-9a-f]{64}"/g, '"<id>"')) as unknown);
}

function endpointOf(endpoint: Json): unknown {
  const { Aliases, Links, IPAMConfig, DriverOpts, GwPriority, DNSNames } = endpoint;
  return {
    Aliases: sorted(sorted(Aliases).map(shortened)),
    Links: [...new Set(sorted(Links))],
    IPAMConfig,
    DriverOpts,
    GwPriority,
    DNSNames: sorted(DNSNames).filter((name) => !/^[0-9a-f]{12}$/.test(name)),
  };
}

function mount(one: Json): unknown {
  const { Name, Source, ...rest } = one;
  const isAnonymous = /^[0-9a-f]{64}$/.test(String(Name));
  return {
    ...rest,
    Name: isAnonymous ? "<anonymous>" : Name,
    ...(one["Type"] === "volume" ? {} : { Source }),
  };
}

function network(one: Json): unknown {
  const { Driver, Internal, Attachable, EnableIPv6, Options, Labels, IPAM } = one;
  const { Driver: driver, Config } = IPAM as Json;
  const pools = (Config as readonly Json[] | null) ?? [];
  const isChosen = (Labels as Json)["tier"] !== "edge";
  return plain({
    Driver,
    Internal,
    Attachable,
    EnableIPv6,
    Options,
    Labels,
    driver,
    pools: isChosen ? pools.length : pools,
  });
}

function volume(one: Json): unknown {
  const { Driver, Options, Labels } = one;
  return plain({ Driver, Options, Labels });
}

/** Empty, null and absent mean the same to whoever reads these; daemons differ in which they write. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, item]) => [key, plain(item)] as const)
    .filter(([, item]) => !isNothing(item))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === "" || value === false || value === 0) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function sorted(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as string[]).toSorted() : [];
}

function sortedBy(value: unknown, key: string): readonly Json[] {
  const items = Array.isArray(value) ? (value as Json[]) : [];
  return items.toSorted((a, b) => (String(a[key]) < String(b[key]) ? -1 : 1));
}

function shortened(hostname: unknown): unknown {
  return /^[0-9a-f]{12}$/.test(String(hostname)) ? "<short id>" : hostname;
}
