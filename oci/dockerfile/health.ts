import { nanosecondsIn } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { HealthConfig } from "../docker-extensions.ts";
import { FlagReader, type Flags } from "./flags.ts";
import { stringList } from "./words.ts";

/** @throws {Fault} `invalid`. @see Dockerfile reference, HEALTHCHECK */
export function parseHealthcheck(flags: Flags): HealthConfig {
  const reader = new FlagReader("HEALTHCHECK", flags, {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  });
  const [, type = "", command = ""] = /^(\S*)\s*([^]*)$/.exec(flags.rest) ?? [];
  if (type.toUpperCase() === "NONE") {
    if (command !== "") throw new Fault("invalid", "HEALTHCHECK NONE takes no arguments");
    return { Test: ["NONE"] };
  }
  if (type === "") throw new Fault("invalid", "HEALTHCHECK requires at least one argument");
  if (type.toUpperCase() !== "CMD")
    throw new Fault(
      "invalid",
      `Unknown type ${JSON.stringify(type.slice(0, 50).toUpperCase())} in HEALTHCHECK (try CMD)`,
    );
  if (command === "") throw new Fault("invalid", "Missing command after HEALTHCHECK CMD");
  const words = stringList(command);
  const times = {
    Interval: durationOf(reader, "interval"),
    Timeout: durationOf(reader, "timeout"),
    StartPeriod: durationOf(reader, "start-period"),
    StartInterval: durationOf(reader, "start-interval"),
    Retries: retriesOf(reader),
  };
  return {
    Test: words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words],
    ...Object.fromEntries(Object.entries(times).filter(([, value]) => value !== 0)),
  };
}

function retriesOf(reader: FlagReader): number {
  const text = reader.find("retries") ?? "";
  if (text === "") return 0;
  if (!/^-?[0-9]{1,9}$/.test(text))
    throw new Fault("invalid", `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) < 0) throw new Fault("invalid", `--retries cannot be negative (${Number(text)})`);
  return Number(text);
}

function durationOf(reader: FlagReader, name: string): number {
  const text = reader.find(name) ?? "";
  if (text === "" || text === "0") return 0;
  const total = healthNanoseconds(text);
  if (total > 0 && total < 1e6)
    throw new Fault("invalid", `Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  return total;
}

/** Go's durations without a sign: `1h30m`, `1.5s`. @throws {Fault} `invalid` */
export function healthNanoseconds(text: string): number {
  const parts = Array.from(text.matchAll(/([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)/g));
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new Fault("invalid", `time: invalid duration ${JSON.stringify(text.slice(0, 50))}`);
  const total = parts.reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (nanosecondsIn[unit] ?? 0),
    0,
  );
  return Math.round(total);
}
