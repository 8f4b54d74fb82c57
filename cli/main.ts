import { Fault, isFault, messageOf } from "#base/fault.ts";
import { commands, type Entries, entriesOf, type Entry, findEntry } from "./command-tree.ts";
import type { Command, Context, Services } from "./context.ts";
import { describeFailure, Exit } from "./failure.ts";
import { type FlagTable, type FlagValues, parseFlags } from "./flags.ts";
import { type GlobalValues, globalFlags, type InstanceValues, instanceFlags } from "./global-flags.ts";
import { openContext } from "./open-context.ts";
import { openTerminal, standardStream, type Terminal } from "./output/terminal.ts";

/** Exit codes that mean the same for every command; a command's help lists those of its own. */
const failed = 1;
/** A flag that is unknown or makes no sense, as Docker's tools have it. */
const badFlag = 125;

const help = { help: { kind: "bool", help: "Show this help" } } as const satisfies FlagTable;
const rootFlags = { ...globalFlags, ...help };

/** Runs the command that the words name and resolves to the exit code. Never throws for what a user can cause. */
export async function main(argv: readonly string[], services: Services): Promise<number> {
  const streams = {
    out: openTerminal(standardStream(1), process.env),
    err: openTerminal(standardStream(2), process.env),
  };
  const stopped = abortOnSignals();
  try {
    if (argv[0] === "__complete" || argv[0] === "__completeNoDesc") {
      const { complete } = await import("./completion/complete.ts");
      return await complete(argv, services, streams, stopped);
    }
    return await dispatch(argv, services, streams, stopped);
  } catch (error) {
    if (stopped.signal.aborted) return stopped.exitCode();
    return report(error, streams.err);
  }
}

function report(error: unknown, err: Terminal): number {
  const text = describeFailure(error);
  if (text !== "") err.write(`${text}\n`);
  return error instanceof Exit ? error.code : failed;
}

interface Streams {
  readonly out: Terminal;
  readonly err: Terminal;
}

async function dispatch(
  argv: readonly string[],
  services: Services,
  streams: Streams,
  stopped: Signals,
): Promise<number> {
  const found = await findCommand(argv);
  if (found.kind === "version") {
    const { versionLine } = await import("./own-version.ts");
    streams.out.write(`${versionLine()}\n`);
    return 0;
  }
  if (found.kind === "group") {
    const { groupHelp } = await import("./help.ts");
    const to = found.isAsked ? streams.out : streams.err;
    to.write(groupHelp(found.path, found.summary, found.entries, found.flags, to));
    return 0;
  }
  const { path, command, globals, groupValues } = found;
  const own = command.isOwn ? instanceFlags : {};
  const shortHelp = Object.values(command.flags).some(({ short }) => short === "h")
    ? help
    : { help: { ...help.help, short: "h" } };
  const { values, given, operands } = checked(path, command, () =>
    parseFlags({ ...own, ...shortHelp, ...command.flags }, found.rest, {
      interspersed: command.flagsFirst !== true,
    }),
  );
  if (found.isHelp || values.help) {
    const { commandHelp } = await import("./help.ts");
    streams.out.write(commandHelp(path, command, found.entry, streams.out));
    return 0;
  }
  checkOperands(path, command, operands.length);
  if (command.needsNode && services.handOver !== undefined) {
    stopped.release();
    return await services.handOver(argv);
  }
  const { openEngineClient } = command.asksNobody
    ? { openEngineClient: nobody }
    : await import("./engine-client.ts");
  const context = openContext({
    path,
    groupValues,
    globals: command.isOwn ? withInstance(globals, command, values as Partial<InstanceValues>) : globals,
    services,
    streams,
    signals: stopped,
    openClient: openEngineClient,
  });
  return await runOwn(command, context, () => command.run(context, values, operands, given));
}

function nobody(): never {
  throw new Error("a command that asks no engine asked one");
}

/** Gantry's own commands say who speaks. */
async function runOwn(
  command: Command,
  { err, signal }: Context,
  run: () => Promise<number>,
): Promise<number> {
  if (!command.isOwn) return await run();
  try {
    return await run();
  } catch (error) {
    if (signal.aborted || error instanceof Exit) throw error;
    err.write(`gantry: ${err.red(messageOf(error))}\n`);
    return failed;
  }
}

/** A flag of the command's own that is called as one of these means what the command says. */
function withInstance(
  globals: GlobalValues,
  { flags }: Command,
  values: Partial<InstanceValues>,
): GlobalValues {
  const after: Partial<InstanceValues> = Object.fromEntries(
    Object.entries(values).filter(([name]) => !Object.hasOwn(flags, name)),
  );
  return {
    ...globals,
    root: after.root ?? globals.root,
    run: after.run ?? globals.run,
    "bridge-cidr": after["bridge-cidr"] ?? globals["bridge-cidr"],
    "userns-remap": after["userns-remap"] ?? globals["userns-remap"],
  };
}

type Found =
  | { readonly kind: "version" }
  | {
      readonly kind: "group";
      readonly path: string[];
      readonly summary: string;
      readonly entries: Entries;
      readonly flags: FlagTable;
      readonly isAsked: boolean;
    }
  | {
      readonly kind: "command";
      readonly path: string[];
      readonly entry: Entry;
      readonly command: Command;
      readonly globals: GlobalValues;
      readonly groupValues: FlagValues<FlagTable>;
      readonly rest: readonly string[];
      readonly isHelp: boolean;
    };

async function findCommand(argv: readonly string[]): Promise<Found> {
  const path = ["gantry"];
  const root = checked(path, undefined, () => parseFlags(rootFlags, argv, { interspersed: false }));
  const globals = root.values;
  if (globals.version) return { kind: "version" };
  let summary = "Gantry runs containers. Docker's own tools are its clients too.";
  let entries = commands;
  let flags: FlagTable = globalFlags;
  let words = root.operands;
  let groupValues: FlagValues<FlagTable> = {};
  let isHelp = globals.help;
  if (words[0] === "help") {
    isHelp = true;
    words = words.slice(1);
  }
  for (;;) {
    const [name, ...rest] = words;
    if (name === undefined) return { kind: "group", path, summary, entries, flags, isAsked: isHelp };
    const entry = findEntry(entries, name);
    if (entry === undefined) throw await unknownCommand(path, name, entries, isHelp);
    path.push(name);
    if (entry.kind === "command")
      return {
        kind: "command",
        path,
        entry,
        command: await entry.load(rest),
        globals,
        groupValues,
        rest,
        isHelp,
      };
    summary = entry.summary;
    flags = entry.flags ?? {};
    entries = await entriesOf(entry);
    const table = { ...flags, help: { ...help.help, short: "h" } };
    const parsed = checked(path, undefined, () => parseFlags(table, rest, { interspersed: false }));
    groupValues = parsed.values;
    isHelp ||= parsed.values.help === true;
    words = parsed.operands;
  }
}

async function unknownCommand(
  path: readonly string[],
  name: string,
  entries: Entries,
  isHelp: boolean,
): Promise<Exit> {
  const words = path.join(" ");
  if (isHelp && path.length === 1) return new Exit(failed, `unknown help topic: ${name}`);
  const { closest } = await import("./suggest.ts");
  const near = closest(name, Object.keys(entries));
  const hint =
    near.length === 0 ? "" : `\n\nDid you mean ${near.map((one) => `'${words} ${one}'`).join(" or ")}?`;
  const usage = path.length === 1 ? "" : `\n\nUsage:  ${words}`;
  return new Exit(
    failed,
    `gantry: unknown command: ${words} ${name}${hint}${usage}\n\nRun '${words} --help' for more information`,
  );
}

function checked<T>(path: readonly string[], command: Command | undefined, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (isFault(error, "invalid")) throw new Exit(badFlag, `${error.message}${whereToRead(path, command)}`);
    throw error;
  }
}

function whereToRead(path: readonly string[], command: Command | undefined): string {
  const words = path.join(" ");
  const usage = path.length === 1 ? "[OPTIONS] COMMAND [ARG...]" : (command?.usage ?? "COMMAND");
  return `\n\nUsage:  ${usageOf(words, usage)}\n\nRun '${words} --help' for more information`;
}

/** A usage line for each form of the command. */
export function usageOf(words: string, usage: string): string {
  return usage
    .split("\n")
    .map((line) => `${words} ${line}`.trimEnd())
    .join("\n\t");
}

function checkOperands(path: readonly string[], command: Command, count: number): void {
  const [least, most] = command.operands;
  if (count >= least && count <= most) return;
  const words = path.join(" ");
  const see = most === 0 || most === least ? "Run" : "See";
  throw new Exit(
    failed,
    `gantry: '${words}' ${describeCount(least, most)}\n\nUsage:  ${usageOf(words, command.usage)}\n\n${see} '${words} --help' for more information`,
  );
}

function describeCount(least: number, most: number): string {
  const argumentsOf = (count: number) => `${count} argument${count === 1 ? "" : "s"}`;
  if (most === 0) return "accepts no arguments";
  if (least === most) return `requires ${argumentsOf(least)}`;
  if (most === Infinity) return `requires at least ${argumentsOf(least)}`;
  if (least === 0) return `requires at most ${argumentsOf(most)}`;
  return `requires at least ${least} and at most ${argumentsOf(most)}`;
}

export interface Signals {
  readonly signal: AbortSignal;
  exitCode(): number;
  /** Leaves signals to whoever takes them. */
  release(): void;
}

/** The first SIGINT or SIGTERM asks to stop, a second one ends at once. */
function abortOnSignals(): Signals {
  const controller = new AbortController();
  let exitCode = failed;
  const on = (code: number) => () => {
    if (controller.signal.aborted) process.exit(code);
    exitCode = code;
    controller.abort(new Fault("internal", "interrupted"));
  };
  const [interrupt, terminate] = [on(130), on(143)];
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", terminate);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    release() {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", terminate);
    },
  };
}
