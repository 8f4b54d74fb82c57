import { infoResponse, listWorkersResponse } from "#api/buildkit/control.ts";
import { nothing } from "#api/buildkit/session.ts";
import { messageOf } from "#base/fault.ts";
import { openControl } from "../build/link.ts";
import { type Context, defineCommand } from "../context.ts";
import { currentContext } from "../contexts/choose-endpoint.ts";
import { Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { alignTabs } from "../output/tab-writer.ts";
import { formatBinary } from "../output/units.ts";
import { formatDuration } from "#base/duration.ts";
import { versionLine } from "../own-version.ts";

/** What an engine says of itself as a builder. */
interface Builder {
  readonly name: string;
  readonly status: string;
  readonly version: string;
  readonly platforms: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly policies: readonly Policy[];
}

type Policy = NonNullable<
  NonNullable<ReturnType<typeof listWorkersResponse.decode>["record"][number]>["gcPolicy"]
>[number];

const service = "/moby.buildkit.v1.Control";

async function readBuilder(context: Context): Promise<Builder> {
  const name = currentContext(context);
  using control = await openControl(context.engine().api, context.signal);
  const ask = <T>(method: string, codec: { decode(bytes: Uint8Array): T }) =>
    control.client.unary(`${service}/${method}`, [nothing, codec as never], {}, context.signal) as Promise<T>;
  const { record } = await ask("ListWorkers", listWorkersResponse);
  const { version } = await ask("Info", infoResponse);
  const [worker = {}] = record;
  const platforms = (worker.platforms ?? []).map(({ os = "", architecture = "", variant = "" }) =>
    [os, architecture, ...(variant === "" ? [] : [variant])].join("/"),
  );
  return {
    name,
    status: "running",
    version: version?.version ?? "",
    platforms,
    labels: worker.labels ?? new Map(),
    policies: worker.gcPolicy ?? [],
  };
}

/** A builder that cannot be asked is listed too. */
async function findBuilder(context: Context): Promise<Builder & { readonly error?: string }> {
  try {
    return await readBuilder(context);
  } catch (error) {
    context.signal.throwIfAborted();
    const name = currentContext(context);
    return {
      name,
      status: "error",
      version: "",
      platforms: [],
      labels: new Map(),
      policies: [],
      error: messageOf(error),
    };
  }
}

interface Row {
  readonly name: string;
  readonly endpoint: string;
  readonly status: string;
  readonly version: string;
  readonly platforms: string;
  readonly isNode: boolean;
}

const columns: Columns<Row> = {
  Name: ["NAME/NODE", ({ name }) => name],
  DriverEndpoint: ["DRIVER/ENDPOINT", ({ endpoint }) => endpoint],
  LastActivity: ["LAST ACTIVITY", () => ""],
  Status: ["STATUS", ({ status }) => status],
  Buildkit: ["BUILDKIT", ({ version }) => version],
  Platforms: ["PLATFORMS", ({ platforms }) => platforms],
  Current: ["CURRENT", ({ isNode }) => !isNode],
};

export const ls = defineCommand({
  usage: "",
  about: "Lists builders. There is one, named after the context: the engine itself.",
  flags: {
    format: text("string", "table, json, or a Go template", undefined, { shownDefault: '"table"' }),
    "no-trunc": bool("Show all of it"),
  },
  operands: [0, 0],
  examples: [["gantry buildx ls", "which builder there is"]],
  async run(context, { format = "table", "no-trunc": isWhole }) {
    const builder = await findBuilder(context);
    if (format === "json") {
      context.out.write(`${JSON.stringify(jsonOf(builder))}\n`);
      return 0;
    }
    const isTable = format.startsWith("table");
    const platforms = isWhole ? builder.platforms.join(", ") : shortPlatforms(builder.platforms);
    const rows: readonly Row[] = [
      {
        name: `${builder.name}${isTable ? "*" : ""}`,
        endpoint: "docker",
        status: "",
        version: "",
        platforms: "",
        isNode: false,
      },
      {
        name: `${isTable ? String.raw` \_ ` : ""}${builder.name}`,
        endpoint: `${isTable ? String.raw` \_ ` : ""}${builder.name}`,
        status: builder.status,
        version: builder.version,
        platforms,
        isNode: true,
      },
    ];
    const usual = "{{.Name}}\t{{.DriverEndpoint}}\t{{.Status}}\t{{.Buildkit}}\t{{.Platforms}}";
    context.out.write(formatItems(rows, columns, { format, table: usual }));
    if (builder.error !== undefined && isTable)
      context.err.write(`\nCannot load builder ${builder.name}: ${builder.error}\n`);
    return 0;
  },
});

/** The first of each architecture, and how many variants more there are. */
function shortPlatforms(platforms: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const platform of platforms) {
    const base = platform.split("/").slice(0, 2).join("/");
    counts.set(base, (counts.get(base) ?? -1) + 1);
  }
  return [...counts].map(([base, more]) => (more === 0 ? base : `${base} (+${more})`)).join(", ");
}

function jsonOf({ name, status, version, platforms, labels }: Builder): object {
  const node = {
    Endpoint: name,
    Labels: Object.fromEntries(labels),
    Name: name,
    Platforms: platforms,
    Status: status,
    Version: version,
  };
  return { Current: true, Driver: "docker", Dynamic: false, Name: name, Nodes: [node] };
}

export const inspect = defineCommand({
  usage: "[NAME]",
  about: "Shows what is known of a builder.",
  flags: {
    bootstrap: bool("Start it when it does not run: it runs"),
    builder: text("string", "Name of a builder: there is one, default"),
  },
  operands: [0, 1],
  examples: [["gantry buildx inspect", "of the engine"]],
  async run(context, values, [operand]) {
    const asked = operand ?? values.builder;
    if (asked !== undefined && asked !== currentContext(context))
      throw new Exit(1, `ERROR: no builder ${JSON.stringify(asked)} found`);
    const builder = await readBuilder(context);
    const { name, status, version, platforms, labels, policies } = builder;
    const labelLines = [...labels].map(([key, value]) => ` ${key}: ${value}\n`);
    context.out.write(
      alignTabs(`Name:\t${name}\nDriver:\tdocker\n`).replaceAll(/ +$/gm, "") +
        "\nNodes:\n" +
        `Name:             ${name}\nEndpoint:         ${name}\nStatus:           ${status}\n` +
        `BuildKit version: ${version}\nPlatforms:        ${platforms.join(", ")}\n` +
        (labelLines.length === 0 ? "" : `Labels:\n${labelLines.join("")}`) +
        policies.map(policyText).join(""),
    );
    return 0;
  },
});

function policyText(policy: Policy, index: number): string {
  const {
    all = false,
    filters = [],
    keepDuration = 0,
    reservedSpace = 0,
    maxUsedSpace = 0,
    minFreeSpace = 0,
  } = policy;
  const bytes = (name: string, value: number) => (value === 0 ? [] : [[name, formatBinary(value)] as const]);
  const lines = [
    ["All:", String(all)] as const,
    ...(filters.length === 0 ? [] : [["Filters:", filters.join(" ")] as const]),
    ...(keepDuration === 0 ? [] : [["Keep Duration:", formatDuration(keepDuration)] as const]),
    ...bytes("Reserved Space:", reservedSpace),
    ...bytes("Max Used Space:", maxUsedSpace),
    ...bytes("Min Free Space:", minFreeSpace),
  ];
  return `GC Policy rule#${index}:\n${lines.map(([name, value]) => ` ${name.padEnd(15)} ${value}\n`).join("")}`;
}

export const version = defineCommand({
  usage: "",
  about: "Shows the version of what stands for buildx here.",
  flags: {},
  operands: [0, 0],
  asksNobody: true,
  examples: [["gantry buildx version", "Gantry's own"]],
  async run({ out }) {
    out.write(`${versionLine()}\n`);
    return 0;
  },
});

const refused = (what: string) =>
  defineCommand({
    usage: "[NAME...]",
    about: "Is refused: there is one builder, the engine itself.",
    flags: {},
    operands: [0, Infinity],
    asksNobody: true,
    examples: [["gantry buildx ls", "which builder there is"]],
    async run() {
      throw new Exit(1, `ERROR: there is one builder, the engine itself: it cannot be ${what}`);
    },
  });

export const create = refused("created once more");
export const rm = refused("removed");
export const stop = refused("stopped here: gantry down does that");

/** The one builder is in use already. */
export const use = defineCommand({
  usage: "NAME",
  about: "Makes a builder the current one. There is one.",
  flags: { default: bool("For this context"), global: bool("For all contexts") },
  operands: [1, 1],
  examples: [["gantry buildx use default", "as it is"]],
  async run(context, _values, [name = ""]) {
    if (name === currentContext(context)) return 0;
    throw new Exit(
      1,
      `ERROR: failed to find instance ${JSON.stringify(name)}: there is one builder, the engine itself`,
    );
  },
});
