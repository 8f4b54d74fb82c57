import { Fault } from "#base/fault.ts";
import type { RunMount } from "./instruction.ts";

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const sharings = ["shared", "private", "locked"] as const;
const allowed: Readonly<Record<RunMount["type"], readonly string[]>> = {
  bind: ["target", "source", "from", "readonly"],
  cache: ["target", "source", "from", "readonly", "id", "sharing", "mode", "uid", "gid"],
  tmpfs: ["target", "size", "readonly"],
  secret: ["target", "id", "required", "mode", "uid", "gid", "env", "source"],
  ssh: ["target", "id", "required", "mode", "uid", "gid"],
};
const aliases: Readonly<Record<string, string>> = {
  dst: "target",
  destination: "target",
  src: "source",
  ro: "readonly",
  rw: "readwrite",
};

/**
 * The value of `RUN --mount=`, variables put in already. Without a type it is a bind.
 *
 * @throws {Fault} `invalid`
 * @see Dockerfile reference, "RUN --mount"
 */
export function parseRunMount(text: string): RunMount {
  const fields = csv(text).map((field) => {
    const equals = field.indexOf("=");
    const name = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    return [aliases[name] ?? name, equals < 0 ? undefined : field.slice(equals + 1)] as const;
  });
  const type = typeOf(fields.find(([name]) => name === "type")?.[1] ?? "bind");
  let mount: RunMount = { type };
  for (const [name, value] of fields) {
    if (name === "type") continue;
    const subject = name === "readwrite" ? "readonly" : name;
    if (!allowed[type].includes(subject))
      throw new Fault("invalid", `unexpected key '${name}' for mount type '${type}'`);
    mount = { ...mount, ...fieldOf(name, value) };
  }
  check(mount);
  return mount;
}

function typeOf(text: string): RunMount["type"] {
  const type = types.find((candidate) => candidate === text.toLowerCase());
  if (type === undefined) throw new Fault("invalid", `unsupported mount type ${JSON.stringify(text)}`);
  return type;
}

function fieldOf(name: string, value: string | undefined): Partial<RunMount> {
  if (name === "readonly") return { isReadOnly: booleanOf(name, value) };
  if (name === "readwrite") return { isReadOnly: !booleanOf(name, value) };
  if (name === "required") return { isRequired: booleanOf(name, value) };
  if (value === undefined) throw new Fault("invalid", `invalid field '${name}' must be a key=value pair`);
  if (name === "mode") return { mode: numberOf(name, value, /^0?[0-7]{1,4}$/, 8) };
  if (name === "uid" || name === "gid") return { [name]: numberOf(name, value, /^[0-9]{1,10}$/, 10) };
  if (name === "size") return { size: bytesOf(value) };
  if (name === "sharing") {
    const sharing = sharings.find((candidate) => candidate === value.toLowerCase());
    if (sharing === undefined)
      throw new Fault("invalid", `unsupported sharing value ${JSON.stringify(value)}`);
    return { sharing };
  }
  return { [name]: value };
}

function check({ type, target, id, env }: RunMount): void {
  const needsTarget = type === "bind" || type === "cache" || type === "tmpfs";
  if (needsTarget && (target === undefined || target === ""))
    throw new Fault("invalid", 'invalid mount target "/"');
  if (type === "secret" && target === undefined && id === undefined && env === undefined)
    throw new Fault("invalid", `invalid secret mount: id or target is required`);
}

function booleanOf(name: string, value: string | undefined): boolean {
  if (value === undefined || /^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new Fault("invalid", `invalid value for ${name}: ${value}`);
}

function numberOf(name: string, value: string, shape: RegExp, base: number): number {
  if (!shape.test(value)) throw new Fault("invalid", `invalid value ${value} for ${name}`);
  return Number.parseInt(value, base);
}

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytesOf(value: string): number {
  const [, number, unit = ""] = /^(\d+)\s?([bkmg]?)(?:i?b)?$/i.exec(value) ?? [];
  if (number === undefined) throw new Fault("invalid", `invalid value for size: ${value}`);
  return Number(number) * (units[unit.toLowerCase()] ?? 1);
}

/** Commas separate, double quotes hold a field together. */
function csv(text: string): readonly string[] {
  const fields = Array.from(text.matchAll(/(?:^|,)((?:"[^"]*"|[^,"])*)/g), ([, field = ""]) =>
    field.replaceAll('"', "").trim(),
  );
  return fields.filter((field) => field !== "");
}
