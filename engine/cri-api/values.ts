/** Maps as messages have them, from and to the plain objects of records. */
export function recordOf(map: ReadonlyMap<string, string> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(map ?? []);
}

export function mapOf(record: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(record));
}

/** Whether all labels that were asked for are there, with these values. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: ReadonlyMap<string, string> | undefined,
): boolean {
  for (const [key, value] of wanted ?? []) if (labels[key] !== value) return false;
  return true;
}

/** The name that an enumeration has for a number. */
export function nameOf(values: Readonly<Record<string, number>>, value: number | undefined): string {
  return Object.entries(values).find(([, number]) => number === (value ?? 0))?.[0] ?? String(value);
}

/** For JSON: what messages have and JSON has not. */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return value;
}
