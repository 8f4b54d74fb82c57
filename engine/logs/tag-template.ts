import { Fault } from "#base/fault.ts";
import { extraAttributes, type LogInfo } from "./log-info.ts";

/**
 * The tag of a container's records: the `tag` option, a template in Go's syntax over what dockerd gives its own drivers, or
 * the short ID. What there is of the language: fields, texts and numbers, pipelines, `if` with `else`, and a table of functions.
 *
 * @throws {Fault} `invalid` with Go's text
 */
export function renderTag(info: LogInfo): string {
  const template = info.options["tag"] || "{{.ID}}";
  const fields = fieldsOf(info);
  const blocks: { readonly isShown: boolean; readonly isTrue: boolean }[] = [];
  let text = "";
  for (const { literal, action, column } of piecesOf(template)) {
    const isShown = blocks.at(-1)?.isShown ?? true;
    if (isShown) text += literal;
    if (action === undefined) continue;
    const [word, rest] = split(action);
    if (word === "if") {
      const isTrue = isShown && isTruthy(evaluate(rest, fields, column));
      blocks.push({ isShown: isTrue, isTrue });
    } else if (word === "else" || word === "end") {
      const block = blocks.pop();
      if (block === undefined) throw new Fault("invalid", `template: log-tag:1: unexpected {{${word}}}`);
      const isOuterShown = blocks.at(-1)?.isShown ?? true;
      if (word === "else") blocks.push({ isShown: isOuterShown && !block.isTrue, isTrue: true });
    } else if (isShown) text += format(evaluate(action, fields, column));
  }
  if (blocks.length > 0) throw new Fault("invalid", "template: log-tag:1: unexpected EOF");
  return text;
}

interface Piece {
  readonly literal: string;
  /** What stands between the braces behind the literal. */
  readonly action?: string;
  readonly column: number;
}

function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; ; ) {
    const open = template.indexOf("{{", at);
    if (open < 0) return [...pieces, { literal: template.slice(at), column: at }];
    const close = template.indexOf("}}", open);
    if (close < 0) throw new Fault("invalid", "template: log-tag:1: unclosed action");
    pieces.push({
      literal: template.slice(at, open),
      action: template.slice(open + 2, close),
      column: open + 2,
    });
    at = close + 2;
  }
}

function split(action: string): readonly [string, string] {
  const [, word = "", rest = ""] = /^-?\s*(\S*)\s*(.*)$/s.exec(action) ?? [];
  return [word, rest];
}

function isTruthy(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === "object" ? Object.keys(value).length > 0 : Boolean(value);
}

type Value = string | number | boolean | undefined | readonly string[] | Readonly<Record<string, string>>;
type Fields = Readonly<Record<string, Value>>;

function fieldsOf(info: LogInfo): Fields {
  const shortId = info.containerId.slice(0, 12);
  return {
    Config: info.options,
    ContainerID: info.containerId,
    ContainerName: `/${info.containerName}`,
    ContainerEntrypoint: info.entrypoint,
    ContainerArgs: info.args,
    ContainerImageID: info.imageId,
    ContainerImageName: info.imageName,
    ContainerCreated: goTime(info.created),
    ContainerEnv: info.env,
    ContainerLabels: info.labels,
    LogPath: info.logPath,
    DaemonName: "docker",
    ID: shortId,
    FullID: info.containerId,
    Name: info.containerName,
    ImageID: info.imageId.slice(0, 12),
    ImageFullID: info.imageId,
    ImageName: info.imageName,
    Command: [info.entrypoint, ...info.args].join(" "),
    Hostname: info.hostname,
    ExtraAttributes: Object.fromEntries(extraAttributes(info)),
  };
}

/** As Go prints a time: `2026-11-26 13:59:33.9 +0000 UTC`. */
function goTime(rfc3339: string): string {
  return `${rfc3339.replace("T", " ").replace("Z", "")} +0000 UTC`;
}

function text(value: Value): string {
  return format(value);
}

const functions: Readonly<Record<string, (...values: Value[]) => Value>> = {
  json: (value) => JSON.stringify(value ?? null),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  title: (value) => text(value).replace(/(^|\s)\S/g, (start) => start.toUpperCase()),
  split: (value, separator) => text(value).split(text(separator)),
  join: (list, separator) => (Array.isArray(list) ? list.join(text(separator)) : text(list)),
  truncate: (value, length) => text(value).slice(0, Number(length)),
  pad: (value, before, after) =>
    text(value) === "" ? "" : `${" ".repeat(Number(before))}${text(value)}${" ".repeat(Number(after))}`,
  len: (value) => (typeof value === "string" ? Buffer.byteLength(value) : Object.keys(value ?? {}).length),
  print: (...values) => values.map(format).join(" "),
  printf: (pattern, ...values) => text(pattern).replace(/%[svqd]/g, (verb) => verbOf(verb, values.shift())),
  index: (of, key) => (of as Fields | undefined)?.[text(key)] ?? "",
};

function verbOf(verb: string, value: Value): string {
  return verb === "%q" ? JSON.stringify(format(value)) : format(value);
}

function evaluate(action: string, fields: Fields, column: number): Value {
  let piped: readonly Value[] = [];
  for (const stage of splitPipes(action)) {
    const words = stage.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|[^\s"`]+/g) ?? [];
    const [first = "", ...rest] = words;
    const values = [...rest.map((word) => operand(word, fields, column)), ...piped];
    const call = Object.hasOwn(functions, first) ? functions[first] : undefined;
    if (call !== undefined) piped = [call(...values)];
    else if (/^[a-z]\w*$/i.test(first) && !["nil", "true", "false"].includes(first))
      throw new Fault("invalid", `template: log-tag:1: function ${JSON.stringify(first)} not defined`);
    else piped = [operand(first, fields, column)]; // arguments, as of ExtraAttributes, choose nothing here
  }
  return piped[0];
}

function splitPipes(action: string): readonly string[] {
  const inside = action.replace(/^-\s|\s-$/g, "").trim();
  return inside.match(/(?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^|"`])+/g) ?? [""];
}

function operand(word: string, fields: Fields, column: number): Value {
  if (word.startsWith(".")) {
    const name = word.slice(1);
    if (Object.hasOwn(fields, name)) return fields[name];
    throw new Fault(
      "invalid",
      `template: log-tag:1:${column}: executing "log-tag" at <${word}>: can't evaluate field ${name} in type *logger.Info`,
    );
  }
  if (word.startsWith("`")) return word.slice(1, -1);
  if (word === "nil") return undefined;
  if (word === "true" || word === "false") return word === "true";
  try {
    return JSON.parse(word) as Value;
  } catch {
    throw new Fault("invalid", `template: log-tag:1: unexpected ${JSON.stringify(word)} in operand`);
  }
}

/** As Go's %v. */
function format(value: Value): string {
  if (value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${item}`).join(" ")}]`;
}
