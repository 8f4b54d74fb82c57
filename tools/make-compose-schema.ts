/**
 * Writes cli/compose/load/compose-schema.json: the Compose specification's JSON schema without what is only for readers.
 *
 *   zcat compose-spec.json.gz | node tools/make-compose-schema.ts > cli/compose/load/compose-schema.json
 */
import { readFileSync } from "node:fs";

const forReaders = new Set(["description", "title", "$schema", "$id", "deprecated", "default"]);

function strip(node: unknown, isProperties: boolean): unknown {
  if (Array.isArray(node)) return node.map((item) => strip(item, false));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => isProperties || !forReaders.has(key))
      .map(([key, value]) => [
        key,
        strip(value, !isProperties && ["properties", "patternProperties", "definitions"].includes(key)),
      ]),
  );
}

process.stdout.write(`${JSON.stringify(strip(JSON.parse(readFileSync(0, "utf8")), false), null, 1)}\n`);
