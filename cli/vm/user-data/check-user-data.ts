import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { readPackage } from "../../bootstrap/deb.ts";
import { fetchPackages } from "../../bootstrap/packages.ts";
import type { Tree } from "../../compose/load/tree.ts";
import { findProblem, type SchemaNode } from "../../json-schema/find-problem.ts";
import type { CloudConfig } from "./cloud-config.ts";

const schemaPath = "usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json";

/**
 * Checks a configuration against cloud-init's own schema.
 *
 * @param schema text of the file in cloud-init's package, see {@link findSchema}
 * @throws {Fault} `invalid` naming the key
 */
export function checkUserData(config: CloudConfig, schema: string): void {
  const problem = findProblem(JSON.parse(schema) as SchemaNode, config as unknown as Tree);
  if (problem !== undefined)
    throw new Fault("invalid", `cloud-init would refuse ${problem.path.join(".")}: it ${problem.text}`);
}

/**
 * The schema of the distribution's cloud-init: installed here, or out of its package, which is kept for the next time.
 *
 * @param folder for what is kept
 * @throws {Fault} `unavailable` when the package cannot be had
 */
export async function findSchema(folder: string, signal: AbortSignal): Promise<string> {
  const kept = join(folder, "cloud-init-schema.json");
  for (const path of [`/${schemaPath}`, kept]) if (existsSync(path)) return readFileSync(path, "utf8");
  try {
    const [deb] = await fetchPackages(["cloud-init"], join(folder, "packages"), signal);
    if (deb === undefined) throw new Fault("internal", "apt gave no package cloud-init");
    const { files } = await readPackage(deb, (path) => path === schemaPath, signal);
    const text = Buffer.from(files[0]?.bytes ?? []).toString();
    if (text === "") throw new Fault("internal", `${deb.path} has no ${schemaPath}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${kept}.new`, text);
    renameSync(`${kept}.new`, kept);
    return text;
  } catch (cause) {
    signal.throwIfAborted();
    throw new Fault("unavailable", `cloud-init's schema cannot be had: ${messageOf(cause)}`, { cause });
  }
}
