import { isFault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { contextDetails } from "../contexts/context-details.ts";
import { currentContext } from "../contexts/choose-endpoint.ts";
import { describeFailure, Exit } from "../failure.ts";
import { platformJson } from "../options/platform-spec.ts";
import { bool, type FlagTable, text } from "../flags.ts";
import { goMarshal } from "../template/functions.ts";
import { indentJson, inspectByTemplate } from "../formats/inspect.ts";

type Kind = "container" | "image" | "network" | "volume";
type Fetch = (context: Context, name: string, size: boolean, platform?: string) => Promise<string>;

const formatFlag = {
  format: text("string", "json or a Go template", "f"),
} as const satisfies FlagTable;
const sizeFlag = { size: bool("Show a container's sizes", "s") } as const satisfies FlagTable;

const paths: Readonly<Record<Kind, (name: string) => string>> = {
  container: (name) => `/containers/${encodeURIComponent(name)}/json`,
  image: (name) => `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`,
  network: (name) => `/networks/${encodeURIComponent(name)}`,
  volume: (name) => `/volumes/${encodeURIComponent(name)}`,
};

function fetchKind(kind: Kind): Fetch {
  return async (context, name, size, platform) =>
    await context
      .engine()
      .api.text(
        "GET",
        paths[kind](name),
        { query: kind === "container" ? { size } : { platform: platformJson(platform) } },
        context.signal,
      );
}

/** Shows what is found, then says what was not. */
export async function show(
  context: Context,
  names: readonly string[],
  format: string | undefined,
  fetch: (name: string) => Promise<string>,
): Promise<number> {
  const found: string[] = [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      found.push(await fetch(name));
    } catch (error) {
      context.signal.throwIfAborted();
      failures.push(error instanceof Exit ? error.message : describeFailure(error));
    }
  }
  if (format === undefined || format === "") context.out.write(`${indentJson(`[${found.join(",")}]`)}\n`);
  else inspectByTemplate(format, found, (line) => context.out.write(line));
  if (failures.length > 0) throw new Exit(1, failures.join("\n"));
  return 0;
}

function inspectOf(kind: Kind, usage: string) {
  return defineCommand({
    usage,
    about: `Shows everything the engine knows about ${kind}s, as JSON or by a template.`,
    flags: {
      ...formatFlag,
      ...(kind === "container" ? sizeFlag : {}),
      ...(kind === "network" ? { verbose: bool("Show more, of swarm", "v") } : {}),
      ...(kind === "image" ? { platform: text("string", "Platform to show") } : {}),
    },
    operands: [1, Infinity],
    complete: [kind],
    examples: [[`gantry ${kind} inspect --format '{{json .}}' NAME`, "one line of JSON"]],
    run: async (context, values, names) =>
      await show(context, names, values.format, (name) =>
        fetchKind(kind)(
          context,
          name,
          (values as { readonly size?: boolean }).size === true,
          (values as { readonly platform?: string }).platform,
        ),
      ),
  });
}

export const containerInspect = inspectOf("container", "[OPTIONS] CONTAINER [CONTAINER...]");
export const imageInspect = inspectOf("image", "[OPTIONS] IMAGE [IMAGE...]");
export const networkInspect = inspectOf("network", "[OPTIONS] NETWORK [NETWORK...]");
export const volumeInspect = inspectOf("volume", "[OPTIONS] VOLUME [VOLUME...]");

export const contextInspect = defineCommand({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  about: "Shows contexts: the current one when none is named.",
  flags: formatFlag,
  operands: [0, Infinity],
  complete: ["context"],
  examples: [["gantry context inspect", "the current one"]],
  run: async (context, { format }, names) =>
    await show(context, names.length === 0 ? [currentContext(context)] : names, format, async (name) =>
      goMarshal(contextDetails(context, name)),
    ),
});

const swarmKinds = ["node", "service", "task", "secret", "config", "plugin"];

export const inspect = defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  about: "Shows everything about things of any kind, as JSON or by a template.",
  flags: {
    ...formatFlag,
    ...sizeFlag,
    type: text("string", "Only things of this kind", undefined, {
      complete: ["container", "image", "network", "volume"],
    }),
  },
  operands: [1, Infinity],
  complete: ["container"],
  examples: [
    ["gantry inspect web", "everything"],
    ["gantry inspect -f '{{.State.Pid}}' web", "one thing"],
  ],
  async run(context, { format, size, type }, names) {
    if (type !== undefined && type !== "" && !(type in paths) && !swarmKinds.includes(type))
      throw new Exit(
        1,
        `unknown type: ${JSON.stringify(type)}: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"`,
      );
    const kinds = type === undefined || type === "" ? (Object.keys(paths) as Kind[]) : [type as Kind];
    return await show(context, names, format, async (name) => await findAny(context, kinds, name, size));
  },
});

async function findAny(
  context: Context,
  kinds: readonly Kind[],
  name: string,
  size: boolean,
): Promise<string> {
  for (const kind of kinds) {
    if (!(kind in paths)) continue;
    try {
      return await fetchKind(kind)(context, name, size);
    } catch (error) {
      const isAbsent = isFault(error, "not-found") || (isFault(error, "invalid") && kind === "image");
      if (!isAbsent || kinds.length === 1) throw error;
    }
  }
  throw new Exit(1, `Error: No such object: ${name}`);
}
