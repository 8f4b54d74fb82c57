import { Fault, isFault } from "#base/fault.ts";
import { type Dict, fits, isDict, isList, mapDict, type Path, type Tree } from "./tree.ts";

export type Lookup = (name: string) => string | undefined;

/** A variable that a template names. */
export interface Variable {
  readonly name: string;
  readonly isRequired: boolean;
  readonly defaultValue: string;
  readonly alternateValue: string;
}

type Piece = string | { readonly variable: string; readonly operator: string; readonly word: string };

/**
 * Replaces `$A`, `${A}`, `${A:-b}`, `${A-b}`, `${A:?b}`, `${A?b}`, `${A:+b}` and `${A+b}`, which may nest; `$$` is a dollar.
 *
 * @param onMissing told of each variable that is not set and has no default
 * @throws {Fault} `invalid` for a template that makes no sense, `precondition` for a required variable without a value
 */
export function substitute(template: string, lookup: Lookup, onMissing: (name: string) => void): string {
  return piecesOf(template)
    .map((piece) => (typeof piece === "string" ? piece : valueOf(piece, lookup, onMissing)))
    .join("");
}

/** The variables of a template in the order in which they stand, nested ones after the one they are in. */
export function variablesOf(template: string): readonly Variable[] {
  return piecesOf(template).flatMap((piece) => {
    if (typeof piece === "string") return [];
    const { variable, operator, word } = piece;
    const own: Variable = {
      name: variable,
      isRequired: operator.endsWith("?"),
      defaultValue: operator.endsWith("-") ? word : "",
      alternateValue: operator.endsWith("+") ? word : "",
    };
    return [own, ...variablesOf(word)];
  });
}

function valueOf(
  { variable, operator, word }: Exclude<Piece, string>,
  lookup: Lookup,
  onMissing: (name: string) => void,
): string {
  const value = lookup(variable);
  const isGiven = value !== undefined && (value !== "" || !operator.startsWith(":"));
  const other = () => substitute(word, lookup, onMissing);
  if (operator.endsWith("-")) return isGiven ? value : other();
  if (operator.endsWith("+")) return isGiven ? other() : "";
  if (operator.endsWith("?")) {
    if (isGiven) return value;
    const reason = other();
    throw new Fault(
      "precondition",
      `required variable ${variable} is missing a value${reason === "" ? "" : `: ${reason}`}`,
    );
  }
  if (value === undefined) onMissing(variable);
  return value ?? "";
}

function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < template.length) {
    const dollar = template.indexOf("$", at);
    if (dollar < 0) break;
    pieces.push(template.slice(at, dollar));
    const { piece, next } = pieceAt(template, dollar);
    pieces.push(piece);
    at = next;
  }
  pieces.push(template.slice(at));
  return pieces;
}

function pieceAt(template: string, dollar: number): { readonly piece: Piece; readonly next: number } {
  const after = template.slice(dollar + 1);
  if (after.startsWith("$")) return { piece: "$", next: dollar + 2 };
  const [bare] = /^[A-Za-z_]\w*/.exec(after) ?? [];
  if (bare !== undefined)
    return { piece: { variable: bare, operator: "", word: "" }, next: dollar + 1 + bare.length };
  if (!after.startsWith("{")) return { piece: "$", next: dollar + 1 };
  const close = closingBrace(after);
  const inner = close < 0 ? "" : after.slice(1, close);
  const [, variable, operator = "", word = ""] = /^([A-Za-z_]\w*)(?:(:?[-+?])(.*))?$/s.exec(inner) ?? [];
  if (variable === undefined) throw new BadTemplate(template);
  return { piece: { variable, operator, word }, next: dollar + 1 + close + 1 };
}

function closingBrace(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.charAt(at) === "{") depth++;
    else if (text.charAt(at) === "}" && --depth === 0) return at;
  }
  return -1;
}

class BadTemplate extends Fault {
  readonly template: string;

  constructor(template: string) {
    super("invalid", `invalid template: "${template}"`);
    this.template = template;
  }
}

/** Replaces the variables in every string of a tree; those of services that are numbers or booleans become such. */
export function interpolateTree(tree: Dict, lookup: Lookup, onMissing: (name: string) => void): Dict {
  const walk = (value: Tree, path: Path): Tree => {
    if (typeof value === "string")
      return castAt(
        path,
        at(path, () => substitute(value, lookup, onMissing)),
      );
    if (isList(value)) return value.map((item) => walk(item, [...path, "[]"]));
    return isDict(value) ? mapDict(value, (item, key) => walk(item, [...path, key])) : value;
  };
  return mapDict(tree, (value, key) => walk(value, [key]));
}

export function showPath(path: Path): string {
  return path.join(".").replaceAll(".[]", "[]");
}

function at(path: Path, replace: () => string): string {
  try {
    return replace();
  } catch (error) {
    if (error instanceof BadTemplate)
      throw new Fault(
        "invalid",
        `invalid interpolation format for ${showPath(path)}.\nYou may need to escape any $ with another $.\n${error.template}`,
        { cause: error },
      );
    if (isFault(error))
      throw new Fault(error.kind, `error while interpolating ${showPath(path)}: ${error.message}`, {
        cause: error,
      });
    throw error;
  }
}

type Cast = "integer" | "number" | "boolean";

const casts: readonly (readonly [pattern: string, cast: Cast])[] = [
  ...["cpu_count", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares"].map(
    (name) => [`services.*.${name}`, "integer"] as const,
  ),
  ...["cpu_percent", "cpus"].map((name) => [`services.*.${name}`, "number"] as const),
  ...["configs.[].mode", "secrets.[].mode", "oom_score_adj", "pids_limit", "ports.[].target", "scale"].map(
    (name) => [`services.*.${name}`, "integer"] as const,
  ),
  ...[
    "replicas",
    "update_config.parallelism",
    "rollback_config.parallelism",
    "restart_policy.max_attempts",
  ].map((name) => [`services.*.deploy.${name}`, "integer"] as const),
  ["services.*.healthcheck.retries", "integer"],
  ["services.*.ulimits.*", "integer"],
  ["services.*.ulimits.*.hard", "integer"],
  ["services.*.ulimits.*.soft", "integer"],
  ...["init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty", "healthcheck.disable"].map(
    (name) => [`services.*.${name}`, "boolean"] as const,
  ),
  ["services.*.depends_on.*.required", "boolean"],
  ["services.*.depends_on.*.restart", "boolean"],
  ["services.*.volumes.[].read_only", "boolean"],
  ["services.*.volumes.[].volume.nocopy", "boolean"],
  ...["networks", "volumes", "secrets", "configs"].map((name) => [`${name}.*.external`, "boolean"] as const),
  ...["internal", "attachable", "enable_ipv4", "enable_ipv6"].map(
    (name) => [`networks.*.${name}`, "boolean"] as const,
  ),
];

function castAt(path: Path, text: string): Tree {
  const cast = casts.find(([pattern]) => fits(path, pattern))?.[1];
  if (cast === undefined) return text;
  const failed = (why: string) =>
    new Fault(
      "invalid",
      `error while interpolating ${showPath(path)}: failed to cast to expected type: ${why}`,
    );
  if (cast === "boolean") return castBoolean(text) ?? fail(failed(`invalid boolean: ${text}`));
  if (cast === "integer" && /^[-+]?\d+$/.test(text)) return Number.parseInt(text, 10);
  if (cast === "integer" && /^0[ox][\da-f]+$/i.test(text)) return Number(text);
  if (cast === "number" && text !== "" && Number.isFinite(Number(text))) return Number(text);
  const parser = cast === "integer" ? "Atoi" : "ParseFloat";
  throw failed(`strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function fail(error: Error): never {
  throw error;
}

function castBoolean(text: string): boolean | undefined {
  if (/^(true|y|yes|on|1|t)$/i.test(text)) return true;
  return /^(false|n|no|off|0|f)$/i.test(text) ? false : undefined;
}
