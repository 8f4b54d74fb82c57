import { Fault } from "#base/fault.ts";
import type { HealthConfig } from "#oci/docker-extensions.ts";
import { healthNanoseconds } from "#oci/dockerfile/health.ts";
import { stringList } from "#oci/dockerfile/words.ts";

/** Quotes and backslashes as in a Dockerfile; there are no variables here. */
export function parseWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) {
      quote = char;
      word ??= "";
    } else if (char === "\\" && quote !== "'" && at + 1 < text.length) {
      const next = text[++at] as string;
      const isLiteral = quote === '"' && next !== '"' && next !== "\\" && next !== "$";
      word = (word ?? "") + (isLiteral ? `\\${next}` : next);
    } else word = (word ?? "") + char;
  }
  if (quote !== "") {
    const kind = quote === '"' ? "double" : "single";
    throw new Fault(
      "invalid",
      `failed to process ${JSON.stringify(text.slice(0, 100))}: unexpected end of statement while looking for matching ${kind}-quote`,
    );
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** `a=1 b="2 3"`, or the old form `a 1 and the rest`. @throws {Fault} `invalid` */
export function parsePairs(name: string, text: string): readonly (readonly [string, string])[] {
  const first = /^\S+/.exec(text)?.[0] ?? "";
  if (!first.includes("=")) {
    const [, key = "", value] = /^(\S+)\s+([^]+)$/.exec(text) ?? [];
    if (value === undefined) throw new Fault("invalid", `${name} must have two arguments`);
    return [[key, parseWords(value).join(" ")]];
  }
  return parseWords(text).map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0)
      throw new Fault(
        "invalid",
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    if (equals === 0) throw new Fault("invalid", `${name} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

const MAX_PORTS = 65_536;

/** `80 443/tcp 8000-8003/udp` @throws {Fault} `invalid` */
export function parseExposed(text: string): Readonly<Record<string, object>> {
  const ports: Record<string, object> = {};
  for (const word of parseWords(text)) {
    const [, low = "", high = low, protocol = "tcp"] =
      /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp)?)?$/i.exec(word) ?? [];
    const [first, last] = [Number(low), Number(high)];
    const [, unknown] = /^[0-9]{1,5}(?:-[0-9]{1,5})?\/(\w{1,50})$/.exec(low === "" ? word : "") ?? [];
    if (unknown !== undefined)
      throw new Fault("invalid", `Invalid proto: ${unknown}`, { detail: { port: word } });
    if (low === "" || last >= MAX_PORTS || first > last)
      throw new Fault("invalid", `Invalid containerPort: ${word.slice(0, 50)}`);
    for (let port = first; port <= last; port++) ports[`${port}/${protocol.toLowerCase()}`] = {};
  }
  return ports;
}

const options: Readonly<Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval">> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

/** `NONE`, or options and `CMD` with a JSON list or a shell command. Durations become nanoseconds. @throws {Fault} `invalid` */
export function parseHealthcheck(text: string): HealthConfig {
  const [, flags = "", type = "", command = ""] = /^((?:--\S+\s+)*)(\S+)\s*([^]*)$/.exec(text) ?? [];
  const settings: Record<string, number> = {};
  for (const flag of flags.split(/\s+/).filter((word) => word !== "")) {
    const [, name = "", value = ""] = /^--([a-z-]+)=(.*)$/.exec(flag) ?? [];
    if (name === "retries") settings["Retries"] = parseRetries(value);
    else if (Object.hasOwn(options, name)) settings[options[name] as string] = parseDuration(name, value);
    else throw new Fault("invalid", `Unknown flag: ${flag.slice(2, 50)}`);
  }
  if (type.toUpperCase() === "NONE") {
    if (flags !== "" || command !== "") throw new Fault("invalid", "HEALTHCHECK NONE takes no arguments");
    return { Test: ["NONE"] };
  }
  if (type.toUpperCase() !== "CMD")
    throw new Fault(
      "invalid",
      `Unknown type ${JSON.stringify(type.slice(0, 50).toUpperCase())} in HEALTHCHECK (try CMD)`,
    );
  if (command === "") throw new Fault("invalid", "Missing command after HEALTHCHECK CMD");
  return { Test: healthCommand(command), ...settings };
}

function healthCommand(command: string): readonly string[] {
  const list = stringList(command);
  return list === undefined ? ["CMD-SHELL", command] : ["CMD", ...list];
}

function parseRetries(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text))
    throw new Fault("invalid", `--retries must be a number, not ${text.slice(0, 50)}`);
  return Number(text);
}

/** Go's durations: `1h30m`, `1.5s`; 0 or at least a millisecond. */
function parseDuration(name: string, text: string): number {
  if (text === "0") return 0;
  const total = healthNanoseconds(text);
  if (total < 1e6) throw new Fault("invalid", `Interval "${name}" cannot be less than 1ms`);
  return total;
}
