import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isFault } from "#base/fault.ts";
import { familiarReference, parseReference } from "#oci/reference.ts";
import type { Context } from "../context.ts";
import type { Original } from "./same-settings.ts";

export type Rebuilt = { readonly isDone: true } | { readonly isDone: false; readonly reason: string };

const labels = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  folder: "com.docker.compose.project.working_dir",
  files: "com.docker.compose.project.config_files",
} as const;

/**
 * Makes an image anew from what is known of how it was made: its history names `gantry image bootstrap`, or a container of it is of a
 * Compose project whose files are here.
 */
export async function rebuild(
  context: Context,
  name: string,
  containers: readonly Original[],
): Promise<Rebuilt> {
  const bootstrapped = await bootstrapName(context, name);
  if (bootstrapped !== undefined) return await bootstrap(context, bootstrapped);
  const found = containers.map(({ Config }) => Config.Labels ?? {});
  const own = found.find((one) => one[labels.service] !== undefined && one[labels.files] !== undefined);
  if (own === undefined)
    return {
      isDone: false,
      reason: "nobody recorded how it is made: build it, then use --no-pull to roll its containers over",
    };
  const files = (own[labels.files] ?? "").split(",").flatMap((file) => ["--file", file]);
  const place = [
    "--project-name",
    own[labels.project] ?? "",
    "--project-directory",
    own[labels.folder] ?? ".",
  ];
  return await runSelf(context, [
    "compose",
    ...files,
    ...place,
    "build",
    "--pull",
    own[labels.service] ?? "",
  ]);
}

/** What to call `image bootstrap` with, when that made the image under this name. */
async function bootstrapName({ engine, signal }: Context, name: string): Promise<string | undefined> {
  try {
    const history = await engine().imageHistory(name, {}, signal);
    const [, made] = /^gantry image bootstrap (\S+)$/.exec(history[0]?.CreatedBy ?? "") ?? [];
    const familiar = familiarReference(parseReference(name));
    return made !== undefined && (familiar === made || familiar === `${made}:latest`) ? made : undefined;
  } catch (error) {
    if (isFault(error, "not-found")) return undefined;
    throw error;
  }
}

/** Through a file, so that the image goes to the daemon that is meant. */
async function bootstrap(context: Context, name: string): Promise<Rebuilt> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-rebuild-"));
  try {
    const archive = join(folder, "image.tar");
    const made = await runSelf(context, ["image", "bootstrap", "--output", archive, name]);
    if (made.isDone) await context.engine().loadImage(createReadStream(archive), context.signal);
    return made;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This program, for the same daemon, with its output shown. */
function runSelf(
  { services, env, globals, instance, signal }: Context,
  words: readonly string[],
): Promise<Rebuilt> {
  const [program, ...args] = services.self;
  const { host, context, config } = globals;
  const places = Object.entries({ host, context, config, root: instance.root, run: instance.run });
  const given = places.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, value]));
  const child = spawn(program, [...args, ...given, ...words], {
    stdio: ["ignore", "inherit", "inherit"],
    env,
    signal,
  });
  const { promise, resolve } = Promise.withResolvers<Rebuilt>();
  child.once("error", (error) => resolve({ isDone: false, reason: error.message }));
  child.once("close", (code) => {
    const reason = `gantry ${words[0]} ended with ${code ?? "a signal"}`;
    resolve(code === 0 ? { isDone: true } : { isDone: false, reason });
  });
  return promise;
}
