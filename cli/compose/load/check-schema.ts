import { Fault } from "#base/fault.ts";
import schema from "./compose-schema.json" with { type: "json" };
import { type Dict, isDict, isList, type Path, scalarText, type Tree } from "./tree.ts";

interface Node {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: boolean;
  readonly items?: Node;
  readonly oneOf?: readonly Node[];
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly uniqueItems?: boolean;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Problem {
  readonly path: Path;
  readonly text: string;
}

const root: Node = schema as unknown as Node;
const definitions = schema.definitions as unknown as Readonly<Record<string, Node>>;

/**
 * Checks a file against the Compose specification's schema.
 *
 * @throws {Fault} `invalid` with the deepest thing that is wrong, in the peer's words
 */
export function checkSchema(tree: Dict, file: string): void {
  const problem = findProblem(root, tree, []);
  if (problem !== undefined)
    throw new Fault("invalid", `validating ${file}: ${problem.path.join(".")} ${problem.text}`);
}

function findProblem(node: Node, value: Tree, path: Path): Problem | undefined {
  if (node.$ref !== undefined)
    return findProblem(definitions[node.$ref.slice("#/definitions/".length)] ?? {}, value, path);
  if (node.oneOf !== undefined) return noneOf(node.oneOf, value, path);
  const types = typeof node.type === "string" ? [node.type] : node.type;
  if (types !== undefined && !types.some((type) => isOfType(value, type)))
    return { path, text: `must be a ${listTypes(types)}` };
  if (isDict(value)) return inDict(node, value, path);
  if (isList(value)) return inList(node, value, path);
  return inScalar(node, value, path);
}

function listTypes(types: readonly string[]): string {
  const sorted = [...types].sort();
  const last = sorted.pop() ?? "";
  return sorted.length === 0 ? last : `${sorted.join(", ")} or ${last}`;
}

/** The problem of the branch that went deepest; the first one of several. */
function noneOf(branches: readonly Node[], value: Tree, path: Path): Problem | undefined {
  let deepest: Problem | undefined;
  for (const branch of branches) {
    const problem = findProblem(branch, value, path);
    if (problem === undefined) return undefined;
    if (deepest === undefined || problem.path.length > deepest.path.length) deepest = problem;
  }
  return deepest;
}

function isOfType(value: Tree, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return isList(value);
  if (type === "object") return isDict(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

function inDict(node: Node, value: Dict, path: Path): Problem | undefined {
  for (const name of node.required ?? [])
    if (!Object.hasOwn(value, name)) return { path, text: `missing property '${name}'` };
  const strays = Object.keys(value).filter((key) => nodesFor(node, key).length === 0);
  if (node.additionalProperties === false && strays.length > 0)
    return { path, text: `additional properties ${strays.map((key) => `'${key}'`).join(", ")} not allowed` };
  for (const key of Object.keys(value).sort())
    for (const child of nodesFor(node, key)) {
      const problem = findProblem(child, value[key] ?? null, [...path, key]);
      if (problem !== undefined) return problem;
    }
  return undefined;
}

function nodesFor(node: Node, key: string): readonly Node[] {
  const own =
    node.properties !== undefined && Object.hasOwn(node.properties, key) ? node.properties[key] : undefined;
  const matching = Object.entries(node.patternProperties ?? {}).filter(([pattern]) =>
    new RegExp(pattern).test(key),
  );
  return [...(own === undefined ? [] : [own]), ...matching.map(([, child]) => child)];
}

function inList(node: Node, value: readonly Tree[], path: Path): Problem | undefined {
  for (const [at, item] of value.entries()) {
    const problem =
      node.items === undefined ? undefined : findProblem(node.items, item, [...path, String(at)]);
    if (problem !== undefined) return problem;
  }
  if (node.uniqueItems !== true) return undefined;
  const seen = new Map<string, number>();
  for (const [at, item] of value.entries()) {
    const before = seen.get(JSON.stringify(item));
    if (before !== undefined) return { path, text: `items at ${before} and ${at} are equal` };
    seen.set(JSON.stringify(item), at);
  }
  return undefined;
}

function inScalar(node: Node, value: Tree, path: Path): Problem | undefined {
  if (node.enum !== undefined && !node.enum.includes(scalarText(value)))
    return {
      path,
      text: `value must be one of ${node.enum.map((item) => `'${item}'`).join(", ")}`,
    };
  if (node.pattern !== undefined && !new RegExp(node.pattern).test(scalarText(value)))
    return { path, text: `'${scalarText(value)}' does not match pattern '${node.pattern}'` };
  if (typeof value !== "number") return undefined;
  if (node.minimum !== undefined && value < node.minimum)
    return { path, text: `must be greater than or equal to ${node.minimum}` };
  if (node.maximum !== undefined && value > node.maximum)
    return { path, text: `must be less than or equal to ${node.maximum}` };
  return undefined;
}
