import { findJsonPath, type JsonPath, textOf, valuesAt } from "#orchestrator/machinery/json-path.ts";
import { KubeFailure } from "../failure.ts";

type Part =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "path"; readonly paths: readonly JsonPath[] }
  | { readonly is: "range"; readonly path: JsonPath; readonly body: readonly Part[] };

/**
 * A template of kubectl's: text, `{.path}`, `{"text"}`, `{range .path}…{end}`. What is not there is nothing.
 *
 * @throws {KubeFailure} for what is no such template
 * @see Kubernetes, "JSONPath Support"
 */
export function jsonPathTemplate(text: string): (value: unknown) => string {
  const tokens = tokensOf(text);
  const parts = parse(tokens, text);
  return (value) => render(parts, value);
}

/** Values of a path that may lack its braces and its first dot, for columns and sorting. @throws {KubeFailure} */
export function relaxedPath(text: string): (value: unknown) => readonly unknown[] {
  const inner = /^\{?\.?([^{}]*)\}?$/.exec(text)?.[1];
  if (inner === undefined)
    throw new KubeFailure(
      "error: unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
    );
  const path = pathOf(`.${inner}`, text);
  return (value) => valuesAt(path, value);
}

/** Text, and what stands in braces; those may hold quotes with braces in them. */
function tokensOf(text: string): string[] {
  return text.match(/\{(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^{}"'])*\}|[^{]+|\{/g) ?? [];
}

function parse(tokens: string[], whole: string, isInside = false): readonly Part[] {
  const parts: Part[] = [];
  for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
    if (token === "{") throw failure(whole, "unclosed action");
    if (!token.startsWith("{")) {
      parts.push({ is: "text", text: token });
      continue;
    }
    const inner = token.slice(1, -1).trim();
    if (inner === "end") {
      if (isInside) return parts;
      throw failure(whole, "not in range, nothing to end");
    }
    if (/^range\s/.test(inner))
      parts.push({
        is: "range",
        path: pathOf(inner.slice(5).trim(), whole),
        body: parse(tokens, whole, true),
      });
    else parts.push(...expressionOf(inner, whole));
  }
  if (isInside) throw failure(whole, "unterminated range");
  return parts;
}

function failure(whole: string, what: string): KubeFailure {
  return new KubeFailure(`error: error parsing jsonpath ${whole}, ${what}`);
}

function expressionOf(inner: string, whole: string): readonly Part[] {
  const quoted = /^"((?:[^"\\]|\\.)*)"$|^'((?:[^'\\]|\\.)*)'$/s.exec(inner);
  if (quoted !== null) return [{ is: "text", text: unquote(quoted[1] ?? quoted[2] ?? "") }];
  return [{ is: "path", paths: unionPaths(inner).map((one) => pathOf(one, whole)) }];
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unquote(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
}

/** `.a['b','c'].d` is `.a['b'].d` and `.a['c'].d`; the same for indices. */
function unionPaths(path: string): readonly string[] {
  const union = /\[((?:'[^']*'|"[^"]*"|-?\d+)(?:\s*,\s*(?:'[^']*'|"[^"]*"|-?\d+))+)\]/.exec(path);
  if (union === null) return [path];
  const members = (union[1] ?? "").split(",").map((member) => member.trim());
  return members.flatMap((member) =>
    unionPaths(`${path.slice(0, union.index)}[${member}]${path.slice(union.index + union[0].length)}`),
  );
}

function pathOf(text: string, whole: string): JsonPath {
  const path = (text.startsWith("@") ? text.slice(1) : text).replaceAll(
    /\[(?:'([^']*)'|"([^"]*)")\]/g,
    ".$1$2",
  );
  // Names in brackets are paths themselves: `['a.b']` is `.a.b`.
  const found = findJsonPath(/^[.$[]/.test(path) || path === "" ? path : `.${path}`);
  if (found === undefined) throw failure(whole, `unrecognized expression ${text}`);
  return found;
}

function render(parts: readonly Part[], value: unknown): string {
  return parts
    .map((part) => {
      switch (part.is) {
        case "text":
          return part.text;
        case "path":
          return part.paths
            .flatMap((path) => valuesAt(path, value))
            .map(textOf)
            .join(" ");
        case "range":
          return valuesAt(part.path, value)
            .map((item) => render(part.body, item))
            .join("");
        default:
          return part satisfies never;
      }
    })
    .join("");
}
