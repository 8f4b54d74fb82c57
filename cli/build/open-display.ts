import type { Context } from "../context.ts";
import { currentContext } from "../contexts/choose-endpoint.ts";
import { badOption } from "./options/bad-option.ts";
import { Display, type ProgressMode } from "./progress/display.ts";
import type { Size } from "./progress/screen.ts";

/** @throws {Fault} `invalid` with buildx's texts, also for a builder that is not the engine */
export function openDisplay(context: Context, progress: string, builder?: string): Display {
  const name = currentContext(context);
  if (builder !== undefined && builder !== "" && builder !== name)
    throw badOption(`no builder ${JSON.stringify(builder)} found`);
  return new Display({
    mode: modeOf(context, progress),
    out: context.err,
    phase: "Building",
    description: `docker:${name}`,
    title: `building with ${JSON.stringify(name)} instance using docker driver`,
    now: () => context.now().getTime(),
    size: () => terminalSizeOf("stderr"),
    isColored: (context.env["NO_COLOR"] ?? "") === "",
  });
}

export function modeOf({ err, env }: Pick<Context, "err" | "env">, progress: string): ProgressMode {
  if (progress === "auto" || progress === "")
    return err.isTerminal && env["TERM"] !== "dumb" ? "tty" : "plain";
  if (progress === "none") return "quiet";
  if (progress === "plain" || progress === "tty" || progress === "quiet" || progress === "rawjson")
    return progress;
  throw badOption(`invalid progress mode ${progress}`);
}

/** Of what a standard stream goes to; 80 by 24 when it does not say. */
export function terminalSizeOf(stream: "stdout" | "stderr"): Size {
  const { columns, rows } = process[stream];
  return { columns: columns || 80, rows: rows || 24 };
}
