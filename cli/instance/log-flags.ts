import { Fault } from "#base/fault.ts";
import type { Context } from "../context.ts";
import type { FlagTable, FlagValues } from "../flags.ts";

/** The engine's own log driver, with dockerd's flags. */
export const logFlags = {
  "log-driver": {
    kind: "text",
    value: "DRIVER",
    help: "Log driver of containers that name none (default json-file)",
  },
  "log-opt": { kind: "list", value: "KEY=VALUE", help: "Option of that log driver, e.g. max-size=10m" },
} as const satisfies FlagTable;

/** @throws {Fault} `invalid` */
export function withLogs(context: Context, values: FlagValues<typeof logFlags>): Context {
  const options = values["log-opt"].map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new Fault("invalid", `invalid logging opt: ${text}: it must be KEY=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  if (values["log-driver"] === undefined && options.length === 0) return context;
  const logs = { Type: values["log-driver"] ?? "json-file", Config: Object.fromEntries(options) };
  return { ...context, instance: { ...context.instance, logs } };
}
