import type { LogLevel } from "#base/log.ts";
import type { FlagTable, FlagValues } from "./flags.ts";
import type { Terminal } from "./output/terminal.ts";

/** What the engine's daemon needs to know. */
export interface EngineOptions {
  readonly root: string;
  readonly run: string;
  /** Address of the default bridge with its prefix, e.g. `172.17.0.1/16`. */
  readonly bridgeCidr?: string;
  readonly logLevel: LogLevel;
}

/** What only `bin/` may reach, handed in so that the command line does not depend on the daemons. */
export interface Services {
  openEngine(options: EngineOptions): Promise<AsyncDisposable>;
  /** The command that starts this program again: interpreter, its flags, script. */
  readonly self: readonly [string, ...string[]];
}

/** Everything a command may use of the world. */
export interface Context {
  readonly out: Terminal;
  readonly err: Terminal;
  readonly instance: EngineOptions;
  readonly services: Services;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** A command: what its help shows and what it does. Resolves to the exit code. */
export interface Command<T extends FlagTable = FlagTable> {
  /** What follows the command's name, e.g. `[flags] NAME`. */
  readonly usage: string;
  readonly about: string;
  readonly flags: T;
  /** How many operands it takes: least and most. */
  readonly operands: readonly [number, number];
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly exitCodes?: readonly (readonly [code: number, meaning: string])[];
  run(context: Context, values: FlagValues<T>, operands: readonly string[]): Promise<number>;
}

/** Fixes a command's flag types while it is written. */
export function defineCommand<const T extends FlagTable>(command: Command<T>): Command {
  return command as unknown as Command;
}

export function socketOf(instance: EngineOptions): string {
  return `${instance.run}/docker.sock`;
}
