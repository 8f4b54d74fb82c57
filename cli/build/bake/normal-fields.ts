import { csvFields } from "../options/csv-fields.ts";
import type { BakeTarget, Fields } from "./bake-target.ts";

/** Fields in the form of an object, in the order of their names, as bake prints them. */
export function normalFields(value: Fields): Readonly<Record<string, string>> {
  const fields = typeof value === "string" ? parsed(value) : value;
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parsed(text: string): Readonly<Record<string, string>> {
  const fields = csvFields(text).map((field) => {
    const equals = field.indexOf("=");
    return equals < 0 ? (["", field] as const) : ([field.slice(0, equals), field.slice(equals + 1)] as const);
  });
  return Object.fromEntries(fields);
}

const fieldLists = ["cache-from", "cache-to", "output", "secret", "attest"] as const;

/** A target as bake prints it: lists of fields as objects, and an agent's line as what it means. */
export function normalTarget(target: BakeTarget): BakeTarget {
  const changed: Record<string, unknown> = { ...target };
  for (const key of fieldLists) {
    const list = target[key];
    if (list !== undefined) changed[key] = list.map((one) => normalOf(key, one));
  }
  if (target.ssh !== undefined) changed["ssh"] = target.ssh.map(normalAgent);
  return changed;
}

function normalOf(key: (typeof fieldLists)[number], value: Fields): object {
  if (typeof value === "string" && !value.includes("=")) {
    if (key === "output") return value === "-" ? { dest: "-", type: "tar" } : { dest: value, type: "local" };
    if (key !== "secret" && key !== "attest") return { ref: value, type: "registry" };
  }
  return normalFields(value);
}

function normalAgent(value: Fields): object {
  if (typeof value !== "string") return value;
  const [id = "default", paths] = value.split("=");
  return { id, ...(paths !== undefined && { paths: paths.split(",") }) };
}
