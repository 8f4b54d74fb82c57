import { resolve } from "node:path";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { LogLevel } from "#base/log.ts";
import { commands, type Entries } from "./command-tree.ts";
import type { Command, Context, EngineOptions, Services } from "./context.ts";
import { type FlagValues, parseFlags } from "./flags.ts";
import { commandHelp, globalFlags, groupHelp } from "./help.ts";
import { openTerminal } from "./output/terminal.ts";

const about = "Gantry runs containers. Docker's own tools are its clients.";

/** Exit codes that mean the same for every command; a command's help lists those of its own. */
const failed = 1;
const misused = 2;

type Globals = FlagValues<typeof globalFlags>;

/** Runs the command that the words name and resolves to the exit code. Never throws for what a user can cause. */
export async function main(argv: readonly string[], services: Services): Promise<number> {
  const err = openTerminal(process.stderr, process.env);
  const stopped = abortOnSignals();
  try {
    return await dispatch(argv, services, stopped.signal);
  } catch (error) {
    if (stopped.signal.aborted) return stopped.exitCode();
    err.write(`gantry: ${err.red(messageOf(error))}\n`);
    return error instanceof Misuse ? misused : failed;
  }
}

/** The words make no sense; the message says where to read on. */
class Misuse extends Fault {
  constructor(path: readonly string[], message: string) {
    super("invalid", `${message}\nSee '${path.join(" ")} --help'.`);
  }
}

async function dispatch(argv: readonly string[], services: Services, signal: AbortSignal): Promise<number> {
  const out = openTerminal(process.stdout, process.env);
  const found = await findCommand(argv);
  if (found.kind === "group") {
    const help = groupHelp(found.path, found.summary, found.entries, out);
    (found.isAsked ? out : openTerminal(process.stderr, process.env)).write(help);
    return found.isAsked ? 0 : misused;
  }
  const { path, command, globals: before } = found;
  const { values, operands } = checked(path, () =>
    parseFlags({ ...globalFlags, ...command.flags }, found.rest, { interspersed: true }),
  );
  if (before.help || values.help) {
    out.write(commandHelp(path, command, out));
    return 0;
  }
  const [least, most] = command.operands;
  if (operands.length < least || operands.length > most)
    throw new Misuse(path, `'${path.join(" ")}' takes ${describeCount(least, most)}, not ${operands.length}`);
  const context: Context = {
    out,
    err: openTerminal(process.stderr, process.env),
    instance: instanceOf(path, before, values),
    services,
    env: process.env,
    signal,
    now: () => new Date(),
  };
  return await command.run(context, values, operands);
}

type Found =
  | {
      readonly kind: "group";
      readonly path: string[];
      readonly summary: string;
      readonly entries: Entries;
      readonly isAsked: boolean;
    }
  | {
      readonly kind: "command";
      readonly path: string[];
      readonly command: Command;
      readonly globals: Globals;
      readonly rest: readonly string[];
    };

async function findCommand(argv: readonly string[]): Promise<Found> {
  const path = ["gantry"];
  let summary = about;
  let entries = commands;
  let globals = parseFlags(globalFlags, [], { interspersed: false }).values;
  let rest = argv;
  let isHelp = false;
  for (;;) {
    const parsed = checked(path, () => parseFlags(globalFlags, rest, { interspersed: false }));
    globals = merge(globals, parsed.values);
    const [name, ...after] = parsed.operands;
    if (name === "help" && path.length === 1) {
      isHelp = true;
      rest = after;
      continue;
    }
    if (name === undefined) return { kind: "group", path, summary, entries, isAsked: isHelp || globals.help };
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (entry === undefined) throw new Misuse(path, `'${name}' is not a command of '${path.join(" ")}'`);
    path.push(name);
    if (entry.kind === "command")
      return {
        kind: "command",
        path,
        command: await entry.load(),
        globals: isHelp ? { ...globals, help: true } : globals,
        rest: after,
      };
    ({ summary, entries } = entry);
    rest = after;
  }
}

function checked<T>(path: readonly string[], parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (isFault(error, "invalid")) throw new Misuse(path, error.message);
    throw error;
  }
}

function merge(first: Globals, second: Globals): Globals {
  return {
    root: second.root ?? first.root,
    run: second.run ?? first.run,
    "bridge-cidr": second["bridge-cidr"] ?? first["bridge-cidr"],
    help: second.help || first.help,
  };
}

function instanceOf(path: readonly string[], before: Globals, after: Globals): EngineOptions {
  const { root, run, "bridge-cidr": bridgeCidr } = merge(before, after);
  return {
    root: resolve(root ?? process.env["GANTRY_ROOT"] ?? "/var/lib/gantry"),
    run: resolve(run ?? process.env["GANTRY_RUN"] ?? "/run/gantry"),
    ...(bridgeCidr === undefined ? {} : { bridgeCidr }),
    logLevel: parseLogLevel(path, process.env["GANTRY_LOG"] ?? "info"),
  };
}

function parseLogLevel(path: readonly string[], text: string): LogLevel {
  if (text === "debug" || text === "info" || text === "warn" || text === "error") return text;
  throw new Misuse(path, `GANTRY_LOG is '${text}': it must be debug, info, warn or error`);
}

function describeCount(least: number, most: number): string {
  if (most === 0) return "no arguments";
  if (least === most) return `${least} argument${least === 1 ? "" : "s"}`;
  return most === Infinity ? `at least ${least} arguments` : `${least} to ${most} arguments`;
}

/** The first SIGINT or SIGTERM asks to stop, a second one ends at once. */
function abortOnSignals(): { readonly signal: AbortSignal; exitCode(): number } {
  const controller = new AbortController();
  let exitCode = failed;
  const on = (code: number) => () => {
    if (controller.signal.aborted) process.exit(code);
    exitCode = code;
    controller.abort();
  };
  process.on("SIGINT", on(130));
  process.on("SIGTERM", on(143));
  return { signal: controller.signal, exitCode: () => exitCode };
}
