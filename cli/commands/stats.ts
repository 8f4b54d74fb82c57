import { type Context, defineCommand } from "../context.ts";
import { describeFailure, Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { formatItems } from "../formats/formatter.ts";
import { type StatsRow, statsColumns, statsTable } from "../formats/stats.ts";

const refreshMs = 500;

export const stats = defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  about: "Shows what containers use, over and over: all that run unless some are named.",
  flags: {
    all: bool("Show those that do not run too", "a"),
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    "no-stream": bool("Show once and end"),
    "no-trunc": bool("Show IDs in full"),
  },
  operands: [0, Infinity],
  complete: ["running-container"],
  examples: [["gantry stats --no-stream", "once"]],
  async run(context, values, refs) {
    const format = values.format ?? context.config().content.statsFormat ?? "table";
    const names = refs.length > 0 ? refs : await namesOf(context, values.all);
    const show = (rows: readonly StatsRow[]) =>
      formatItems(rows, statsColumns(values["no-trunc"]), {
        format,
        table: statsTable,
        typeName: "*container.statsContext",
      });
    if (values["no-stream"]) {
      const rows = await Promise.all(names.map((ref) => sampleOnce(context, ref)));
      context.out.write(show(rows.filter((row) => row !== undefined)));
      return 0;
    }
    return await showContinuously(context, names, show, { isFixed: refs.length > 0, all: values.all });
  },
});

async function namesOf(context: Context, all: boolean): Promise<readonly string[]> {
  return (await context.engine().listContainers({ all }, context.signal)).map(({ Id }) => Id.slice(0, 12));
}

async function sampleOnce(context: Context, ref: string): Promise<StatsRow | undefined> {
  try {
    for await (const sample of context.engine().containerStats(ref, { stream: false }, context.signal))
      return { ref, sample };
    return { ref };
  } catch (error) {
    throw new Exit(1, describeFailure(error));
  }
}

async function showContinuously(
  context: Context,
  names: readonly string[],
  show: (rows: readonly StatsRow[]) => string,
  { isFixed, all }: { readonly isFixed: boolean; readonly all: boolean },
): Promise<number> {
  const { out, signal } = context;
  const rows = new Map<string, StatsRow>();
  const follow = async (ref: string) => {
    if (rows.has(ref)) return;
    rows.set(ref, { ref });
    try {
      for await (const sample of context.engine().containerStats(ref, { stream: true }, signal))
        rows.set(ref, { ref, sample });
    } finally {
      if (!all) rows.delete(ref);
    }
  };
  const following = names.map(async (ref) => await follow(ref));
  const failed = Promise.all(following).then(() => isFixed);
  const watching = isFixed ? undefined : followNew(context, follow, rows);
  watching?.catch(() => {});
  let isDone = false;
  failed.then(
    (ends) => {
      isDone = ends;
    },
    () => {
      isDone = true;
    },
  );
  while (!isDone && !signal.aborted) {
    out.write(`${out.isTerminal ? "\u001b[2J\u001b[H" : ""}${show([...rows.values()])}`);
    await new Promise((resolve) => setTimeout(resolve, refreshMs));
  }
  await failed;
  return 0;
}

async function followNew(
  context: Context,
  follow: (ref: string) => Promise<void>,
  rows: Map<string, StatsRow>,
): Promise<void> {
  const filters = { type: ["container"], event: ["start", "die", "destroy"] };
  for await (const { Action, Actor } of context.engine().events({ filters }, context.signal)) {
    const ref = Actor.ID.slice(0, 12);
    if (Action === "start") follow(ref).catch(() => {});
    else rows.delete(ref);
  }
}
