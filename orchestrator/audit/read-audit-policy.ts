import { readFile } from "node:fs/promises";
import { Fault, messageOf } from "#base/fault.ts";
import { type AuditPolicy, parseAuditPolicy } from "./audit-policy.ts";

/**
 * Reads a policy in YAML or JSON.
 *
 * @throws {Fault} `invalid` for a file that cannot be read, or is no policy
 */
export async function readAuditPolicy(path: string): Promise<AuditPolicy> {
  const { load } = await import("js-yaml");
  let value: unknown;
  try {
    value = load(await readFile(path, "utf8"));
  } catch (error) {
    throw new Fault("invalid", `audit policy ${path}: ${messageOf(error)}`, { cause: error });
  }
  return parseAuditPolicy(value);
}
