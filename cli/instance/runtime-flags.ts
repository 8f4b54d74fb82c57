import type { Context } from "../context.ts";
import { type FlagValues, list, text } from "../flags.ts";

/** Which OCI runtimes the engine has beside those that are installed where distributions put them. */
export const runtimeFlags = {
  "add-runtime": list("NAME=PATH", "An OCI runtime beside crun, runc and runsc, for run --runtime"),
  "default-runtime": text("NAME", "Runtime of containers that name none (default crun)"),
};

/** The context of an engine with these runtimes. */
export function withRuntimes(context: Context, values: FlagValues<typeof runtimeFlags>): Context {
  const defaultName = values["default-runtime"];
  const runtimes = { added: values["add-runtime"], ...(defaultName !== undefined && { defaultName }) };
  return { ...context, instance: { ...context.instance, runtimes } };
}
