/**
 * Writes api/cri/messages.ts and api/cri/services.ts: the messages and methods of the Container Runtime Interface.
 *
 *   zcat protobuf-fields.json.gz | node tools/make-cri.ts && biome format --write api/cri
 */
import { readFileSync, writeFileSync } from "node:fs";

type FieldOf = readonly [number: number, type: string, label: string];
type Fields = Readonly<Record<string, FieldOf>>;

const all = JSON.parse(readFileSync(0, "utf8")) as Readonly<
  Record<string, Readonly<Record<string, unknown>>>
>;
const definitions = all["runtime.v1"] ?? {};
const enums = new Set(
  Object.keys(definitions)
    .filter((key) => key.startsWith("enum "))
    .map((key) => key.slice("enum ".length)),
);
const isMessage = (key: string) => key !== "syntax" && !/^(enum|service) /.test(key);

/** Nanoseconds since 1970 do not fit into a number of JavaScript. */
const isTime = (name: string, type: string) => type === "int64" && /(^timestamp|_at)$/.test(name);

const scalars: Readonly<Record<string, string>> = {
  string: "text",
  bool: "bool",
  bytes: "bytes",
  double: "double",
  int32: "int",
  int64: "int",
  uint32: "int",
  uint64: "int",
};

function camel(name: string): string {
  const joined = name.replaceAll(/[_.](\w)/g, (_, letter: string) => letter.toUpperCase());
  const capitals = /^[A-Z]+(?=[A-Z][a-z]|$)/.exec(joined)?.[0] ?? joined.charAt(0);
  return capitals.toLowerCase() + joined.slice(capitals.length);
}

function fieldText(message: string, name: string, [number, type, label]: FieldOf): string {
  const isRepeated = label === "repeated";
  if (type === "map<string,string>") return `map(${number}, text)`;
  if (isTime(name, type)) return `bigInt(${number})`;
  const scalar = scalars[type] ?? (enums.has(type) || enums.has(`${message}.${type}`) ? "int" : undefined);
  if (scalar === undefined) return `${isRepeated ? "many" : "sub"}(${number}, ${camel(type)})`;
  return `${scalar}${isRepeated ? "s" : ""}(${number})`;
}

/** Those that a message has fields of come before it. */
function sorted(): readonly string[] {
  const done = new Set<string>();
  const visit = (key: string) => {
    if (done.has(key) || definitions[key] === undefined) return;
    for (const [, type] of Object.values(definitions[key] as Fields)) if (type !== key) visit(type);
    done.add(key);
  };
  Object.keys(definitions).filter(isMessage).forEach(visit);
  return [...done];
}

const origin = `// Made by tools/make-cri.ts. @see kubernetes/cri-api, pkg/apis/runtime/v1/api.proto\n`;

function messagesText(): string {
  const values = [...enums].map(
    (name) => `export const ${camel(name)} = ${JSON.stringify(definitions[`enum ${name}`])} as const;\n`,
  );
  const messages = sorted().map((key) => {
    const fields = Object.entries(definitions[key] as Fields).map(
      ([name, field]) => `${camel(name)}: ${fieldText(key, name, field)},`,
    );
    const name = camel(key);
    const type = `export type ${name.charAt(0).toUpperCase()}${name.slice(1)} = Partial<MessageOf<typeof ${name}>>;`;
    return `export const ${name} = message({ ${fields.join(" ")} });\n${type}\n`;
  });
  const used = [
    "bigInt",
    "bool",
    "bytes",
    "double",
    "int",
    "ints",
    "many",
    "map",
    "message",
    "type MessageOf",
    "sub",
    "text",
    "texts",
  ];
  const imports = `import { ${used.join(", ")} } from "#base/protobuf.ts";\n`;
  return [origin, imports, ...values, ...messages].join("\n");
}

function servicesText(): string {
  const services = ["RuntimeService", "ImageService"].map((service) => {
    const methods = definitions[`service ${service}`] as readonly (readonly [string, string, string])[];
    const rows = methods.map(([name, request, response]) => {
      const isStream = response.startsWith("~");
      const codecs = `m.${camel(request)}, m.${camel(response.replace("~", ""))}`;
      return `${camel(name)}: { path: "/runtime.v1.${service}/${name}", codecs: [${codecs}], isStream: ${isStream} },`;
    });
    return `export const ${camel(service)} = {\n${rows.join("\n")}\n} as const;\n`;
  });
  return [origin, `import * as m from "./messages.ts";\n`, ...services].join("\n");
}

const files = { "api/cri/messages.ts": messagesText(), "api/cri/services.ts": servicesText() };
for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
