import { messageOf } from "#base/fault.ts";
import { type BakeTarget, optionsOf } from "../../build/bake/bake-target.ts";
import { bakeFile } from "../../build/bake/print.ts";
import { excerptsOf, failureText } from "../../build/build-failure.ts";
import { buildMany, TargetFailure } from "../../build/build-many.ts";
import { Display, type ProgressMode } from "../../build/progress/display.ts";
import { terminalSizeOf } from "../../build/open-display.ts";
import { isBuildFailure } from "../../build/run-build.ts";
import { Exit } from "../../failure.ts";
import type { Context } from "../../context.ts";
import { groupValuesOf } from "../open-session.ts";
import type { Session } from "../session.ts";
import type { ServiceBuilds } from "./build.ts";

/** Builds targets side by side, and shows them as bake does. @throws {Exit} with the target that failed */
export async function bakeServices(
  session: Session,
  targets: Readonly<Record<string, BakeTarget>>,
  options: ServiceBuilds,
): Promise<void> {
  const env = { ...session.context.env, ...session.project.environment };
  const context: Context = { ...session.context, env };
  const display = displayFor(context, options);
  const bytes = Buffer.byteLength(bakeFile(targets, Object.keys(targets)));
  await display.step("bake", "[internal] load local bake definitions", async () => {
    display.part("bake", "reading from stdin", { current: bytes, total: 0, isDone: true });
  });
  display.begin();
  try {
    const list = Object.entries(targets).map(([name, target]) => ({ name, options: optionsOf(target) }));
    if (options.isCheck === true) await checkAll(context, list, display);
    else await buildMany(context, list, display);
    display.end();
  } catch (error) {
    display.end();
    throw session.signal.aborted ? error : composeFailure(context, error);
  }
}

async function checkAll(
  context: Context,
  targets: Parameters<typeof buildMany>[1],
  display: Display,
): Promise<void> {
  const { checkMany } = await import("../../build/check-many.ts");
  const code = await checkMany(context, targets, display);
  if (code !== 0) throw new Exit(code);
}

function composeFailure({ err }: Context, error: unknown): unknown {
  if (!(error instanceof TargetFailure)) return error;
  const { cause, target } = error;
  if (!isBuildFailure(cause)) return new Exit(1, messageOf(cause));
  err.write(excerptsOf(cause));
  return new Exit(1, `target ${target}: failed to solve: ${failureText(cause)}`);
}

function displayFor(context: Context, { isQuiet }: ServiceBuilds): Display {
  const values = groupValuesOf(context);
  const asked = isQuiet ? "quiet" : (values.progress ?? context.env["COMPOSE_PROGRESS"] ?? "auto");
  const isScreen = context.out.isTerminal && values.ansi !== "never";
  const modes: Readonly<Record<string, ProgressMode>> = {
    json: "rawjson",
    quiet: "quiet",
    plain: "plain",
    tty: "tty",
  };
  return new Display({
    mode: modes[asked] ?? (isScreen ? "tty" : "plain"),
    out: context.out,
    phase: "Building",
    description: "",
    title: "",
    now: () => context.now().getTime(),
    size: () => terminalSizeOf("stdout"),
    isColored: (context.env["NO_COLOR"] ?? "") === "",
  });
}
