import { Fault } from "#base/fault.ts";

const binary: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** Bytes as flags take them: `512m`, `1.5g`, `2GiB`, `-1`. @throws {Fault} `invalid` with go-units' texts */
export function parseBytes(text: string): number {
  if (text === "-1") return -1;
  const end = Math.max(...[...text.matchAll(/[0-9. ]/g)].map((match) => match.index), -1);
  if (end < 0) throw new Fault("invalid", `invalid size: '${text}'`);
  const suffix = text.slice(end + 1).toLowerCase();
  const number = text.slice(0, text[end] === " " ? end : end + 1);
  if (!/^\+?(\d+\.?\d*|\.\d+)$/.test(number)) throw new Fault("invalid", `invalid size: '${text}'`);
  if (suffix === "") return Math.trunc(Number(number));
  const unit = binary[suffix.charAt(0)];
  const rest = suffix.slice(1);
  if (unit === undefined || !["", "b", "ib"].includes(rest) || (suffix.charAt(0) === "b" && rest !== ""))
    throw new Fault("invalid", `invalid suffix: '${suffix}'`);
  return Math.trunc(Number(number) * unit);
}

export function checkBytes(text: string): void {
  parseBytes(text);
}

/** CPUs in billionths. */
export function parseCpus(text: string): number {
  if (!/^[+-]?\d+(\.\d+)?$/.test(text) && !/^\.\d+$/.test(text))
    throw new Fault("invalid", `failed to parse ${text} as a rational number`);
  const nano = Number(text) * 1e9;
  if (Math.abs(nano - Math.round(nano)) > 1e-3) throw new Fault("invalid", "value is too precise");
  return Math.round(nano);
}

export function checkCpus(text: string): void {
  parseCpus(text);
}

const nanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A length of time in Go's form, in nanoseconds: `1m30s`. @throws {Fault} `invalid` with the texts of Go's time package */
export function parseDuration(text: string): number {
  const bad = () => new Fault("invalid", `time: invalid duration ${JSON.stringify(text)}`);
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/.exec(text) ?? [];
  if (rest === "0") return 0;
  if (rest === "") throw bad();
  let total = 0;
  let at = 0;
  while (at < rest.length) {
    const [whole, number = "", unit = ""] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest.slice(at)) ?? [];
    if (whole === undefined) throw bad();
    if (unit === "") throw new Fault("invalid", `time: missing unit in duration ${JSON.stringify(text)}`);
    const size = nanoseconds[unit];
    if (size === undefined)
      throw new Fault(
        "invalid",
        `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`,
      );
    total += Number(number) * size;
    at += whole.length;
  }
  return Math.round(sign === "-" ? -total : total);
}

export function checkDuration(text: string): void {
  parseDuration(text);
}
