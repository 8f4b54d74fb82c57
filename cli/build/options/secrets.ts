import { statSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { SecretSource } from "../session/secrets.ts";
import { badOption } from "./bad-option.ts";
import { csvPairs } from "./csv-fields.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** As BuildKit's own client has it. */
const maxBytes = 500 << 10;

/** `id=NAME[,src=FILE|env=VARIABLE][,type=file|env]`, by ID. @throws {Fault} `invalid` with buildx's texts */
export function parseSecrets(specs: readonly string[], env: Env): ReadonlyMap<string, SecretSource> {
  return new Map(specs.map((spec) => parseSecret(spec, env)));
}

function parseSecret(spec: string, env: Env): readonly [string, SecretSource] {
  let [id, path, variable, type] = ["", "", "", ""];
  for (const [key, value] of csvPairs(spec, (field) =>
    badOption(`invalid field '${field}' must be a key=value pair`),
  )) {
    if (key === "type" && value !== "file" && value !== "env")
      throw badOption(`unsupported secret type ${JSON.stringify(value)}`);
    if (key === "type") type = value;
    else if (key === "id") id = value;
    else if (key === "source" || key === "src") path = value;
    else if (key === "env") variable = value;
    else throw badOption(`unexpected key '${key}' in '${key}=${value}'`);
  }
  if (type === "env" && variable === "") [variable, path] = [path, ""];
  if (id === "") throw new Fault("invalid", "secret missing ID");
  if (variable === "" && path === "" && env[id] !== undefined) variable = id;
  if (variable !== "") return [id, { kind: "text", text: env[variable] ?? "" }];
  return [id, secretFile(path === "" ? id : path)];
}

function secretFile(path: string): SecretSource {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw new Fault("invalid", `failed to stat ${path}: stat ${path}: no such file or directory`);
  if (found.size > maxBytes) throw new Fault("invalid", `secret ${path} too big. max size 500KB`);
  return { kind: "file", path };
}
