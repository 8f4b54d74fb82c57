/**
 * Writes what is generated of the API's kinds: api/kube/types, and the data under orchestrator/kinds/data.
 *
 *   node tools/make-kinds.ts --openapi kubernetes-openapi-v1.36.json.gz --protobuf protobuf-fields.json.gz \
 *     --merge-schema structured-merge-schema-v1.36.yaml.gz [--check]
 *
 * With --check nothing is written: it fails when a file is not what it would write.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { load } from "js-yaml";
import { openApiData } from "./kinds/open-api-data.ts";
import { promote, promoteByType } from "./kinds/promote.ts";
import { resourceData } from "./kinds/resource-data.ts";
import { schemaData } from "./kinds/schema-data.ts";
import { type OpenApi, type ProtobufFields, readGzippedJson } from "./kinds/specification.ts";
import { typeFiles } from "./kinds/type-files.ts";

const root = join(import.meta.dirname, "..");

interface MergeSchema {
  readonly types: readonly {
    readonly name: string;
    readonly map?: { readonly fields?: readonly { readonly name: string; readonly default?: unknown }[] };
  }[];
}

/** A file with a type on each line and marks behind the names of its fields. */
function readMarks(file: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const lines = readFileSync(join(import.meta.dirname, "kinds", file), "utf8").split("\n");
  return new Map(
    lines
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const [name = "", fields = ""] = line.split(": ");
        const flags = fields.split(" ").map((field): [string, string] => {
          const at = field.search(/=.+$|[*!.]+$/);
          return [field.slice(0, at), field.slice(at)];
        });
        return [`io.k8s.${name}`, new Map(flags)];
      }),
  );
}

function readDefaults(path: string): ReadonlyMap<string, ReadonlyMap<string, unknown>> {
  // eslint-disable-next-line typescript/no-unsafe-type-assertion -- a file of upstream's, read when generating
  const schema = load(gunzipSync(readFileSync(path)).toString()) as MergeSchema;
  return new Map(
    schema.types.map(({ name, map }) => [
      name,
      new Map((map?.fields ?? []).map((field) => [field.name, field.default])),
    ]),
  );
}

/** One entry on each line, so that differences can be read. */
function lines(entries: readonly string[], open: string, close: string): string {
  return `${open}\n${entries.join(",\n")}\n${close}\n`;
}

function generate(paths: {
  openapi: string;
  protobuf: string;
  mergeSchema: string;
}): ReadonlyMap<string, string> {
  const protobuf = readGzippedJson<ProtobufFields>(paths.protobuf);
  const openApi = promote(readGzippedJson<OpenApi>(paths.openapi), protobuf);
  const schemas = schemaData({
    openApi,
    protobuf,
    presence: promoteByType(readMarks("presence.txt")),
    namedTypes: readMarks("named-types.txt"),
    defaults: promoteByType(readDefaults(paths.mergeSchema)),
  });
  const entries = Object.entries(schemas).map(
    ([name, data]) => `${JSON.stringify(name)}:${JSON.stringify(data)}`,
  );
  const files = new Map([
    ["orchestrator/kinds/data/schemas.json", lines(entries, "{", "}")],
    [
      "orchestrator/kinds/data/resources.json",
      lines(
        resourceData(openApi).map((each) => JSON.stringify(each)),
        "[",
        "]",
      ),
    ],
  ]);
  files.set("orchestrator/kinds/data/open-api.json.gz", JSON.stringify(openApiData(openApi)));
  for (const [name, text] of typeFiles(openApi)) files.set(`api/kube/types/${name}`, text);
  return files;
}

const { values } = parseArgs({
  options: {
    openapi: { type: "string" },
    protobuf: { type: "string" },
    "merge-schema": { type: "string" },
    check: { type: "boolean" },
  },
});
const { openapi, protobuf, "merge-schema": mergeSchema } = values;
if (openapi === undefined || protobuf === undefined || mergeSchema === undefined) {
  console.error("--openapi, --protobuf and --merge-schema are needed");
  process.exit(2);
}
/** The text of a file, whether it is compressed or not. */
function textOf(path: string): string {
  const bytes = readFileSync(path);
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
}

for (const [path, text] of generate({ openapi, protobuf, mergeSchema })) {
  const target = join(root, path);
  if (values.check !== true) {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, path.endsWith(".gz") ? gzipSync(text, { level: 9 }) : text);
  } else if (textOf(target) !== text) {
    console.error(`${path} is not what the generator writes`);
    process.exitCode = 1;
  }
}
