import { type FlagTable, text } from "../flags.ts";
import { KubeFailure } from "./failure.ts";

export type DryRun = "none" | "client" | "server";

export const dryRunFlags = {
  "dry-run": text("none|server|client", "Only show what would be done", undefined, { bare: "unchanged" }),
} as const satisfies FlagTable;

export const validateFlags = {
  validate: text(
    "strict|warn|ignore",
    "Refuse unknown fields, warn of them, or take them (default strict)",
    undefined,
    {
      bare: "strict",
    },
  ),
} as const satisfies FlagTable;

/** @throws {KubeFailure} */
export function parseDryRun(value: string | undefined): DryRun {
  switch (value) {
    case undefined:
    case "none":
    case "false":
      return "none";
    case "client":
    case "server":
      return value;
    case "unchanged":
      return "client";
    default:
      throw new KubeFailure(
        `error: Invalid dry-run value (${value}). Must be "none", "server", or "client".`,
      );
  }
}

/** What the server does with fields that it does not know. @throws {KubeFailure} */
export function parseValidation(value: string | undefined): "Strict" | "Warn" | "Ignore" {
  switch (value) {
    case undefined:
    case "true":
    case "strict":
      return "Strict";
    case "warn":
      return "Warn";
    case "false":
    case "ignore":
      return "Ignore";
    default:
      throw new KubeFailure(
        `error: invalid - validate option ${JSON.stringify(value)}; must be one of: strict (or true), warn, ignore (or false)`,
      );
  }
}

/** What is said of something that was not really done. */
export function dryRunNote(dryRun: DryRun): string {
  if (dryRun === "none") return "";
  return dryRun === "client" ? " (dry run)" : " (server dry run)";
}
