import { messageOf } from "#base/fault.ts";
import { commands, type Entries, entriesOf, findEntry } from "../command-tree.ts";
import type { Command, Context, Services } from "../context.ts";
import { type CompletionKind, type FlagSpec, type FlagTable, needsValue, parseFlags } from "../flags.ts";
import { type GlobalValues, globalFlags, instanceFlags } from "../global-flags.ts";
import type { Signals } from "../main.ts";
import { openEngineClient } from "../engine-client.ts";
import { openContext } from "../open-context.ts";
import type { Terminal } from "../output/terminal.ts";
import { candidatesOf, type WordsBefore } from "./candidates.ts";

/** What the shell should do with the candidates. @see cobra, shell completions, ShellCompDirective */
export const directive = { files: 0, noSpace: 2, noFiles: 4 } as const;

/** A candidate with what it means. */
export type Candidate = readonly [word: string, meaning: string];

interface Answer {
  readonly candidates: readonly Candidate[];
  readonly directive: number;
}

interface Place {
  readonly path: readonly string[];
  readonly entries: Entries;
  readonly flags: FlagTable;
  readonly command?: Command;
  /** The words behind the command's name, without the one that is being completed. */
  readonly rest: readonly string[];
  readonly globals: GlobalValues;
}

/**
 * Answers `gantry __complete WORD… LAST` as cobra's programs do: a line for each candidate with its meaning behind a tab, and
 * `:N` at the end. Never fails: a daemon that does not answer has no candidates.
 */
export async function complete(
  argv: readonly string[],
  services: Services,
  streams: { readonly out: Terminal; readonly err: Terminal },
  signals: Signals,
): Promise<number> {
  const withMeaning = argv[0] === "__complete";
  const words = argv.slice(1, -1);
  const last = argv.length > 1 ? (argv.at(-1) ?? "") : "";
  let answer: Answer = { candidates: [], directive: directive.noFiles };
  try {
    const place = await findPlace(words);
    const open = () =>
      openContext({
        openClient: openEngineClient,
        path: place.path,
        globals: place.globals,
        groupValues: {},
        services,
        streams,
        signals,
      });
    answer = await answerFor(place, last, open);
  } catch (error) {
    streams.err.write(`${messageOf(error)}\n`);
  }
  for (const [word, meaning] of answer.candidates)
    streams.out.write(withMeaning && meaning !== "" ? `${word}\t${meaning}\n` : `${word}\n`);
  streams.out.write(`:${answer.directive}\n`);
  return 0;
}

async function findPlace(words: readonly string[]): Promise<Place> {
  const path = ["gantry"];
  let entries = commands;
  let flags: FlagTable = globalFlags;
  const root = parseFlags(globalFlags, withValue(globalFlags, words), { interspersed: false });
  let rest = root.operands;
  for (;;) {
    const [name, ...after] = rest;
    const entry = name === undefined ? undefined : findEntry(entries, name);
    if (name === undefined || entry === undefined)
      return {
        path,
        entries,
        flags,
        rest: path.length === 1 ? words : rest,
        globals: root.values,
      };
    path.push(name);
    if (entry.kind === "command") {
      const command = await entry.load(after);
      const table = { ...(command.isOwn ? instanceFlags : {}), ...command.flags };
      return { path, entries: {}, flags: table, command, rest: after, globals: root.values };
    }
    flags = entry.flags ?? {};
    entries = await entriesOf(entry);
    rest = parseFlags(flags, withValue(flags, after), { interspersed: false }).operands;
  }
}

/** A flag at the end that still waits for its value would be an error: it gets one. */
function withValue(table: FlagTable, words: readonly string[]): readonly string[] {
  return pendingFlag(table, words) === undefined ? words : [...words, ""];
}

async function answerFor(place: Place, last: string, open: () => Context): Promise<Answer> {
  const { flags, command, entries, rest } = place;
  const pending = pendingFlag(flags, rest);
  if (pending !== undefined) return await valuesFor(pending, last, "", open);
  if (last.startsWith("--") && last.includes("=")) {
    const name = last.slice(2, last.indexOf("="));
    const spec = flags[name];
    return spec === undefined
      ? { candidates: [], directive: directive.noFiles }
      : await valuesFor(spec, last.slice(name.length + 3), `--${name}=`, open);
  }
  if (last.startsWith("-")) return { candidates: flagNames(flags, last), directive: directive.noFiles };
  if (command === undefined) return { candidates: commandNames(entries, last), directive: directive.noFiles };
  const { operands, values } = parseFlags(flags, rest, { interspersed: command.flagsFirst !== true });
  const kinds = command.complete ?? [];
  const kind = kinds[operands.length] ?? kinds.at(-1);
  if (kind === undefined) return { candidates: [], directive: directive.noFiles };
  return await candidatesFor(kind, last, "", open, { operands, values });
}

function commandNames(entries: Entries, last: string): readonly Candidate[] {
  return Object.entries(entries)
    .filter(([name, { isHidden }]) => name.startsWith(last) && isHidden !== true)
    .map(([name, { summary }]) => [name, summary] as const);
}

function flagNames(flags: FlagTable, last: string): readonly Candidate[] {
  const all: readonly (readonly [string, FlagSpec])[] = [
    ...Object.entries(flags),
    ["help", { kind: "bool", help: "Show this help" }],
  ];
  return all
    .filter(([, spec]) => spec.hidden !== true)
    .flatMap(([name, spec]): readonly Candidate[] => [
      [`--${name}`, spec.help],
      ...(spec.short !== undefined && last === "-" ? [[`-${spec.short}`, spec.help] as const] : []),
    ])
    .filter(([word]) => word.startsWith(last));
}

async function valuesFor(spec: FlagSpec, last: string, prefix: string, open: () => Context): Promise<Answer> {
  const kind = "value" in spec ? spec.complete : undefined;
  if (kind === undefined)
    return { candidates: [], directive: "value" in spec ? directive.files : directive.noFiles };
  return await candidatesFor(kind, last, prefix, open);
}

async function candidatesFor(
  kind: CompletionKind,
  last: string,
  prefix: string,
  open: () => Context,
  before: WordsBefore = { operands: [], values: {} },
): Promise<Answer> {
  if (kind === "file") return { candidates: [], directive: directive.files };
  const words = typeof kind === "string" ? await candidatesOf(kind, open(), before, last) : kind;
  const candidates = words
    .filter((word) => word.startsWith(last))
    .map((word) => [prefix + word, ""] as const);
  return { candidates, directive: directive.noFiles };
}

/** The flag that the last word is, when its value is what comes next. */
function pendingFlag(flags: FlagTable, words: readonly string[]): FlagSpec | undefined {
  const word = words.at(-1);
  if (word === undefined || !word.startsWith("-") || word.includes("=") || words.includes("--"))
    return undefined;
  const spec = word.startsWith("--")
    ? flags[word.slice(2)]
    : Object.values(flags).find(({ short }) => short !== undefined && short === word.at(-1));
  return spec !== undefined && needsValue(spec) ? spec : undefined;
}
