import { parseDuration } from "#base/duration.ts";
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

export function checkDuration(text: string): void {
  parseDuration(text);
}
