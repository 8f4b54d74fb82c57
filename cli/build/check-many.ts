import type { Context } from "../context.ts";
import { buildDeps, planParts } from "./build-one.ts";
import type { Target } from "./build-many.ts";
import { planBuild } from "./plan-build.ts";
import type { Display } from "./progress/display.ts";
import { runCall } from "./run-build.ts";
import { showAnswer } from "./show-answer.ts";

/** Looks for mistakes in targets' Dockerfiles, one after the other; resolves to the exit code. */
export async function checkMany(
  context: Context,
  targets: readonly Target[],
  display: Display,
  request = "frontend.lint",
): Promise<number> {
  const answers = new Map<string, ReadonlyMap<string, Uint8Array>>();
  for (const { name, options } of targets) {
    const plan = await planBuild({ ...options, contexts: {} }, planParts(context));
    const watch = (event: Parameters<Display["take"]>[0]) => display.take(event);
    answers.set(name, await runCall(buildDeps(context), plan, request, watch, context.signal));
  }
  display.end();
  let code = 0;
  for (const [name, answer] of answers) {
    if (targets.length > 1) context.out.write(`\n${name}\n`);
    code = Math.max(code, showAnswer(context, request, undefined, answer));
  }
  return code;
}
