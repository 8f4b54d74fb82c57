import { type Dict, isDict, isList, type Path, scalarText, type Tree } from "../compose/load/tree.ts";

/** The keywords of JSON Schema that are understood; all others say nothing of a value. @see JSON Schema draft 4 */
export interface SchemaNode {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  /** As `anyOf`: that only one fits is not asked. */
  readonly oneOf?: readonly SchemaNode[];
  readonly enum?: readonly Tree[];
  readonly required?: readonly string[];
  readonly uniqueItems?: boolean;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Where a value does not fit, and how. */
export interface SchemaProblem {
  readonly path: Path;
  readonly text: string;
}

/** What is wrong with a value, in the words of Compose; undefined when it fits. References are resolved in the root. */
export function findProblem(root: SchemaNode, value: Tree): SchemaProblem | undefined {
  return new Search(root).at(root, value, []);
}

class Search {
  readonly #root: SchemaNode;

  constructor(root: SchemaNode) {
    this.#root = root;
  }

  at(node: SchemaNode, value: Tree, path: Path): SchemaProblem | undefined {
    if (node.$ref !== undefined) return this.at(this.#resolved(node.$ref), value, path);
    const types = typeof node.type === "string" ? [node.type] : node.type;
    return (
      this.#noneOf(node.oneOf ?? node.anyOf ?? [], value, path) ??
      this.#anyWrong(node.allOf ?? [], value, path) ??
      (types !== undefined && !types.some((type) => isOfType(value, type))
        ? { path, text: `must be a ${listTypes(types)}` }
        : this.#inside(node, value, path))
    );
  }

  /** @param reference `#/…` */
  #resolved(reference: string): SchemaNode {
    let node: unknown = this.#root;
    for (const key of reference.split("/").slice(1)) node = (node as Readonly<Record<string, unknown>>)[key];
    return (node ?? {}) as SchemaNode;
  }

  #inside(node: SchemaNode, value: Tree, path: Path): SchemaProblem | undefined {
    if (isDict(value)) return this.#inDict(node, value, path);
    if (isList(value)) return this.#inList(node, value, path);
    return inScalar(node, value, path);
  }

  /** The problem of the branch that went deepest; the first one of several. */
  #noneOf(branches: readonly SchemaNode[], value: Tree, path: Path): SchemaProblem | undefined {
    let deepest: SchemaProblem | undefined;
    for (const branch of branches) {
      const problem = this.at(branch, value, path);
      if (problem === undefined) return undefined;
      if (deepest === undefined || problem.path.length > deepest.path.length) deepest = problem;
    }
    return deepest;
  }

  #anyWrong(parts: readonly SchemaNode[], value: Tree, path: Path): SchemaProblem | undefined {
    for (const part of parts) {
      const problem = this.at(part, value, path);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #inDict(node: SchemaNode, value: Dict, path: Path): SchemaProblem | undefined {
    for (const name of node.required ?? [])
      if (!Object.hasOwn(value, name)) return { path, text: `missing property '${name}'` };
    if (Object.keys(value).length < (node.minProperties ?? 0))
      return { path, text: `must have at least ${node.minProperties} properties` };
    const strays = Object.keys(value).filter((key) => nodesFor(node, key).length === 0);
    if (node.additionalProperties === false && strays.length > 0)
      return {
        path,
        text: `additional properties ${strays.map((key) => `'${key}'`).join(", ")} not allowed`,
      };
    for (const key of Object.keys(value).sort()) {
      const own = nodesFor(node, key);
      const nodes = own.length === 0 && isNode(node.additionalProperties) ? [node.additionalProperties] : own;
      const problem = this.#anyWrong(nodes, value[key] ?? null, [...path, key]);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #inList(node: SchemaNode, value: readonly Tree[], path: Path): SchemaProblem | undefined {
    const { items, minItems = 0, maxItems = Infinity } = node;
    if (value.length < minItems) return { path, text: `must have at least ${minItems} items` };
    if (value.length > maxItems) return { path, text: `must have at most ${maxItems} items` };
    for (const [at, item] of value.entries()) {
      const own = isList(items as Tree)
        ? (items as readonly SchemaNode[])[at]
        : (items as SchemaNode | undefined);
      const problem = own === undefined ? undefined : this.at(own, item, [...path, String(at)]);
      if (problem !== undefined) return problem;
    }
    return node.uniqueItems === true ? twice(value, path) : undefined;
  }
}

function isNode(additional: SchemaNode["additionalProperties"]): additional is SchemaNode {
  return typeof additional === "object";
}

function twice(value: readonly Tree[], path: Path): SchemaProblem | undefined {
  const seen = new Map<string, number>();
  for (const [at, item] of value.entries()) {
    const before = seen.get(JSON.stringify(item));
    if (before !== undefined) return { path, text: `items at ${before} and ${at} are equal` };
    seen.set(JSON.stringify(item), at);
  }
  return undefined;
}

function listTypes(types: readonly string[]): string {
  const sorted = [...types].sort();
  const last = sorted.pop() ?? "";
  return sorted.length === 0 ? last : `${sorted.join(", ")} or ${last}`;
}

function isOfType(value: Tree, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return isList(value);
  if (type === "object") return isDict(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

function nodesFor(node: SchemaNode, key: string): readonly SchemaNode[] {
  const own =
    node.properties !== undefined && Object.hasOwn(node.properties, key) ? node.properties[key] : undefined;
  const matching = Object.entries(node.patternProperties ?? {}).filter(([pattern]) =>
    new RegExp(pattern).test(key),
  );
  return [...(own === undefined ? [] : [own]), ...matching.map(([, child]) => child)];
}

function inScalar(node: SchemaNode, value: Tree, path: Path): SchemaProblem | undefined {
  if (node.enum !== undefined && !node.enum.some((item) => scalarText(item) === scalarText(value)))
    return {
      path,
      text: `value must be one of ${node.enum.map((item) => `'${scalarText(item)}'`).join(", ")}`,
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
