import { bool, list, number, text } from "../flags.ts";
import type { FlagTable, FlagValues } from "../flags.ts";

/** Flags between `compose` and the command's name. */
export const groupFlags = {
  "all-resources": bool("Include all resources, even those not used by services"),
  ansi: text("string", 'Control when to print ANSI control characters ("never"|"always"|"auto")'),
  compatibility: bool("Run compose in backward compatibility mode"),
  "dry-run": bool("Execute command in dry run mode"),
  "env-file": list("stringArray", "Specify an alternate environment file"),
  file: list("stringArray", "Compose configuration files", "f"),
  parallel: number("int", "Control max parallelism, -1 for unlimited"),
  profile: list("stringArray", "Specify a profile to enable"),
  progress: text("string", "Set type of progress output (auto, tty, plain, json, quiet)"),
  "project-directory": text(
    "string",
    "Specify an alternate working directory (default: the path of the, first specified, Compose file)",
  ),
  "project-name": text("string", "Project name", "p"),
} as const satisfies FlagTable;

export type GroupValues = FlagValues<typeof groupFlags>;
