import { Fault } from "#base/fault.ts";
import { findProblem, type SchemaNode } from "../../json-schema/find-problem.ts";
import schema from "./compose-schema.json" with { type: "json" };
import type { Dict } from "./tree.ts";

/**
 * Checks a file against the Compose specification's schema.
 *
 * @throws {Fault} `invalid` with the deepest thing that is wrong, in the peer's words
 */
export function checkSchema(tree: Dict, file: string): void {
  const problem = findProblem(schema as unknown as SchemaNode, tree);
  if (problem !== undefined)
    throw new Fault("invalid", `validating ${file}: ${problem.path.join(".")} ${problem.text}`);
}
