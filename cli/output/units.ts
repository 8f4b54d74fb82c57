const decimalUnits = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes as Docker's tools show them: powers of 1000, three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < decimalUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${decimalUnits[unit]}`;
}

const spans: readonly (readonly [seconds: number, name: string])[] = [
  [365 * 86400, "year"],
  [30 * 86400, "month"],
  [7 * 86400, "week"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A span in its largest whole unit: `3 weeks`, `1 minute`, `less than a second`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  for (const [size, name] of spans) {
    const count = Math.floor(seconds / size);
    if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"}`;
  }
  return "less than a second";
}

/** A measured time: `87 ms`, `1.4 s`. */
export function formatElapsed(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function withDigits(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

function scaled(bytes: number, base: number, names: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < names.length - 1) {
    value /= base;
    unit++;
  }
  return `${withDigits(value, digits)}${names[unit]}`;
}

const decimalNames = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const binaryNames = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** go-units' HumanSize: powers of 1000, four digits. */
export function formatBytes4(bytes: number): string {
  return scaled(bytes, 1000, decimalNames, 4);
}

/** go-units' HumanSizeWithPrecision(3): powers of 1000, three digits; not rounded up to the next unit. */
export function formatBytes3(bytes: number): string {
  return scaled(bytes, 1000, decimalNames, 3);
}

/** go-units' BytesSize: powers of 1024, four digits. */
export function formatBinary(bytes: number): string {
  return scaled(bytes, 1024, binaryNames, 4);
}
