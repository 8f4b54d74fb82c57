import type { Context } from "../context.ts";
import { readAuth, registryOf } from "../config/registry-auth.ts";
import { parseReference, withDefaultTag } from "#oci/reference.ts";
import { Fault } from "#base/fault.ts";
import type { Display } from "./progress/display.ts";

/** Pushes an image by its names, one after the other, each as a step of the build. */
export async function pushAll(context: Context, names: readonly string[], display: Display): Promise<void> {
  for (const name of names) {
    const shown = name.replace(/^docker\.io\/(library\/)?/, "").replace(/:latest$/, "");
    await display.step(`push ${name}`, `pushing ${shown} with docker`, () => push(context, name, display));
  }
}

async function push(context: Context, name: string, display: Display): Promise<void> {
  const { domain, path, tag = "latest" } = withDefaultTag(parseReference(name));
  const auth = await readAuth(context.config(), registryOf(name));
  const messages = context.engine().pushImage({ name: `${domain}/${path}`, tag }, auth, context.signal);
  for await (const { id, status, error, errorDetail, progressDetail } of messages) {
    const failure = errorDetail?.message ?? error;
    if (failure !== undefined) throw new Fault("remote", failure);
    if (id === undefined || status === undefined) continue;
    const { current = 0, total = 0 } = progressDetail ?? {};
    display.part(`push ${name}`, `pushing layer ${id}`, { current, total, isDone: isDone.test(status) });
  }
}

const isDone = /^(Pushed|Layer already exists|Mounted from)/;
