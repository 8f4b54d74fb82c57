import { Fault } from "#base/fault.ts";
import { FlagReader, type Flags, takeFlags } from "./flags.ts";
import { parseHealthcheck } from "./health.ts";
import type { Command, Instruction } from "./instruction.ts";
import { heredocOf, type RawInstruction } from "./split.ts";
import { suggestion } from "./suggest.ts";
import { splitWords, stringList } from "./words.ts";

/** A kind of instruction without what all have. */
type Body = Instruction extends infer Each
  ? Each extends Instruction
    ? Omit<Each, "text" | "lines">
    : never
  : never;

type Parse = (raw: RawInstruction, flags: Flags, escape: string) => Body;

const plain =
  (parse: (rest: string, keyword: string, escape: string) => Body): Parse =>
  (raw, flags, escape) => {
    new FlagReader(raw.keyword, flags, {});
    return parse(flags.rest, raw.keyword, escape);
  };

const parsers: Readonly<Record<string, Parse>> = {
  ADD: parseCopy,
  COPY: parseCopy,
  RUN: parseRun,
  ARG: plain((rest, keyword, escape) => ({ kind: "arg", args: parseArgs(required(rest, keyword), escape) })),
  ENV: plain((rest, keyword, escape) => ({
    kind: "env",
    pairs: parsePairs(required(rest, keyword), keyword, escape),
  })),
  LABEL: plain((rest, keyword, escape) => ({
    kind: "label",
    pairs: parsePairs(required(rest, keyword), keyword, escape),
  })),
  CMD: plain((rest) => ({ kind: "cmd", command: commandOf(rest) })),
  ENTRYPOINT: plain((rest) => ({ kind: "entrypoint", command: commandOf(rest) })),
  EXPOSE: plain((rest, keyword, escape) => ({
    kind: "expose",
    words: splitWords(required(rest, keyword), escape),
    isList: false,
  })),
  VOLUME: plain((rest, keyword, escape) => {
    const list = stringList(required(rest, keyword));
    return { kind: "volume", words: list ?? splitWords(rest, escape), isList: list !== undefined };
  }),
  USER: plain((rest, keyword) => ({ kind: "user", value: one(rest, keyword) })),
  WORKDIR: plain((rest, keyword) => ({ kind: "workdir", value: one(rest, keyword) })),
  STOPSIGNAL: plain((rest, keyword) => ({ kind: "stopsignal", value: one(rest, keyword) })),
  MAINTAINER: plain((rest, keyword) => ({ kind: "maintainer", value: one(rest, keyword) })),
  SHELL: plain((rest) => {
    const words = stringList(rest);
    if (words === undefined) throw new Fault("invalid", "SHELL requires the arguments to be in JSON form");
    if (words.length === 0) throw new Fault("invalid", "SHELL requires at least one argument");
    return { kind: "shell", words };
  }),
  HEALTHCHECK: (_raw, flags) => ({ kind: "healthcheck", check: parseHealthcheck(flags) }),
  ONBUILD: ({ rest, keyword, heredocs }) => {
    const documents = heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { kind: "onbuild", trigger: `${checkTrigger(required(rest, keyword))}${documents.join("")}` };
  },
};

export const keywords: readonly string[] = [...Object.keys(parsers), "FROM"];

/**
 * One instruction other than FROM.
 *
 * @throws {Fault} `invalid` in the words of Docker's parser, without the line
 */
export function parseInstruction(raw: RawInstruction, escape: string): Instruction {
  const parse = Object.hasOwn(parsers, raw.keyword) ? parsers[raw.keyword] : undefined;
  if (parse === undefined)
    throw new Fault("invalid", `unknown instruction: ${raw.keyword}${suggestion(raw.keyword, keywords)}`);
  const body = parse(raw, takeFlags(raw.rest, escape), escape);
  return { ...body, text: raw.text, lines: raw.lines } as Instruction;
}

function required(rest: string, keyword: string): string {
  if (rest === "") throw new Fault("invalid", `${keyword} requires at least one argument`);
  return rest;
}

function one(rest: string, keyword: string): string {
  if (rest === "") throw new Fault("invalid", `${keyword} requires exactly one argument`);
  return rest;
}

function commandOf(rest: string): Command {
  const words = stringList(rest);
  return words === undefined ? { form: "shell", text: rest } : { form: "exec", words };
}

function parseArgs(rest: string, escape: string) {
  return splitWords(rest, escape).map((word) => {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (name === "") throw new Fault("invalid", "ARG names can not be blank");
    return equals < 0 ? { name } : { name, value: word.slice(equals + 1) };
  });
}

/** `a=1 b="2 3"`, or the old form `a 1 and the rest`. */
function parsePairs(rest: string, keyword: string, escape: string): readonly (readonly [string, string])[] {
  const words = splitWords(rest, escape);
  const [first = ""] = words;
  if (!first.includes("=")) {
    const [, name = "", value] = /^(\S+)\s+([^]+)$/.exec(rest) ?? [];
    if (value === undefined) throw new Fault("invalid", `${keyword} must have two arguments`);
    return [[name, value]];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0)
      throw new Fault(
        "invalid",
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    if (equals === 0) throw new Fault("invalid", `${keyword} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function parseCopy(raw: RawInstruction, flags: Flags, escape: string): Body {
  const isAdd = raw.keyword === "ADD";
  const reader = new FlagReader(raw.keyword, flags, {
    chown: "text",
    chmod: "text",
    link: "boolean",
    parents: "boolean",
    exclude: "list",
    ...(isAdd
      ? { checksum: "text" as const, "keep-git-dir": "boolean" as const, unpack: "boolean" as const }
      : { from: "text" as const }),
  });
  const words = stringList(flags.rest) ?? splitWords(flags.rest, escape);
  if (words.length < 2)
    throw new Fault(
      "invalid",
      `${raw.keyword} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
  const texts = (name: string) => {
    const value = reader.find(name);
    return value === undefined ? {} : { [name]: value };
  };
  const unpack = reader.find("unpack");
  return {
    kind: isAdd ? "add" : "copy",
    sources: words.slice(0, -1).filter((word) => raw.heredocs.length === 0 || heredocOf(word) === undefined),
    inline: raw.heredocs,
    destination: words.at(-1) ?? "",
    flags: {
      ...texts("from"),
      ...texts("chown"),
      ...texts("chmod"),
      ...texts("checksum"),
      isLink: reader.is("link"),
      parents: reader.is("parents"),
      exclude: reader.all("exclude"),
      keepsGitDir: reader.is("keep-git-dir"),
      ...(unpack !== undefined && { unpack: unpack === "true" }),
    },
  };
}

function parseRun(raw: RawInstruction, flags: Flags): Body {
  const reader = new FlagReader("RUN", flags, {
    mount: "list",
    network: "text",
    security: "text",
    device: "list",
  });
  if (reader.all("device").length > 0)
    throw new Fault("invalid", "RUN --device is not supported: this engine gives steps no devices");
  const [network, security] = [reader.find("network"), reader.find("security")];
  if (reader.all("mount").some((mount) => /(?:^|,)\s*"?from=[^,]*\$/.test(mount)))
    throw new Fault("invalid", "'from' doesn't support variable expansion, define alias stage instead");
  if (network !== undefined && !["default", "none", "host"].includes(network))
    throw new Fault("invalid", `invalid network mode ${JSON.stringify(network)}`);
  if (security !== undefined && !["sandbox", "insecure"].includes(security))
    throw new Fault("invalid", `security "${security}" is not valid`);
  return {
    kind: "run",
    command: commandOf(required(flags.rest, "RUN")),
    inline: raw.heredocs,
    mounts: reader.all("mount"),
    ...(network !== undefined && { network }),
    ...(security !== undefined && { security }),
  };
}

/** What ONBUILD may hold. @throws {Fault} `invalid` */
export function checkTrigger(rest: string): string {
  const trigger = /^\S+/.exec(rest)?.[0].toUpperCase() ?? "";
  if (trigger === "ONBUILD")
    throw new Fault("invalid", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === "FROM" || trigger === "MAINTAINER")
    throw new Fault("invalid", `${trigger} isn't allowed as an ONBUILD trigger`);
  return rest;
}
