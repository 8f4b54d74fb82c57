import { readAuth } from "../config/registry-auth.ts";
import { standardInput } from "../commands/archives.ts";
import type { Context } from "../context.ts";
import type { BuildOptions } from "./build-options.ts";
import { metadataOf } from "./metadata.ts";
import { openDisplay } from "./open-display.ts";
import { planBuild, type BuildPlan } from "./plan-build.ts";
import type { Display } from "./progress/display.ts";
import { describeWarnings } from "./progress/warnings.ts";
import { pushAll } from "./push-all.ts";
import { type BuildDeps, type BuildResult, runBuild, runCall } from "./run-build.ts";

export interface Outcome {
  readonly code: number;
  readonly imageId: string | undefined;
  /** As a `--metadata-file` has it. */
  readonly metadata: string;
}

/**
 * Builds, and shows how it goes.
 *
 * @throws {Fault} with what the engine says
 */
export async function buildOne(
  context: Context,
  options: BuildOptions,
  how: { readonly progress?: string; readonly call: string; readonly builder?: string | undefined },
): Promise<Outcome> {
  const deps = buildDeps(context);
  const display = openDisplay(context, how.progress ?? "auto", how.builder ?? context.env["BUILDX_BUILDER"]);
  const plan = await planBuild(options, planParts(context));
  display.begin();
  if (how.call !== "build") return await callOne(context, deps, plan, display, how.call);
  try {
    const result = await runBuild(deps, plan, (event) => display.take(event), context.signal);
    await pushAll(context, plan.pushes, display);
    return { code: 0, imageId: imageIdOf(result), metadata: metadataOf(result) };
  } finally {
    display.end();
    warn(context, display, how.progress);
  }
}

export function buildDeps(context: Context): BuildDeps {
  return {
    api: context.engine().api,
    readAuth: (server) => readAuth(context.config(), server),
  };
}

export function planParts(context: Context) {
  return { env: context.env, isTerminal: context.out.isTerminal, standardInput };
}

export function imageIdOf({ response }: BuildResult): string | undefined {
  return response.get("containerimage.config.digest") ?? response.get("containerimage.digest");
}

/** What was warned of, at the end. */
export function warn({ err, globals }: Context, display: Display, progress: string | undefined): void {
  if (progress === "quiet" || progress === "rawjson") return;
  err.write(
    describeWarnings(display.trace.warnings, {
      isLong: globals.debug,
      hint: "use gantry --debug to expand",
      yellow: (text) => (err.isTerminal ? `\u001b[33m${text}\u001b[0m` : text),
    }),
  );
}

/** Requests whose names are not those of the calls. */
const requests: Readonly<Record<string, string>> = { check: "frontend.lint" };

async function callOne(
  context: Context,
  deps: BuildDeps,
  plan: BuildPlan,
  display: Display,
  call: string,
): Promise<Outcome> {
  const [name = "", ...rest] = call.split(",");
  const request = requests[name] ?? `frontend.${name}`;
  const format = rest.map((field) => /^format=(.*)$/.exec(field)?.[1]).findLast((one) => one !== undefined);
  try {
    const answer = await runCall(deps, plan, request, (event) => display.take(event), context.signal);
    display.end();
    const { showAnswer } = await import("./show-answer.ts");
    const code = showAnswer(context, request, format, answer);
    return { code, imageId: undefined, metadata: "{}" };
  } finally {
    display.end();
    if (request !== "frontend.lint") warn(context, display, undefined);
  }
}
