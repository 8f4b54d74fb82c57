import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "#base/fault.ts";
import { watchFiles } from "../engine/watch-files.ts";
import { isRemote } from "../load/paths.ts";
import type { Service, Watch } from "../model.ts";
import type { Session } from "../session.ts";
import { buildServices } from "./build.ts";
import { createProject } from "./create.ts";
import { runHook } from "./hooks.ts";
import { containersOf, observe, type Observed } from "./observe.ts";
import { startProject } from "./start.ts";
import { syncFiles } from "./sync.ts";

/** Follows the files that services' `develop.watch` names until the signal; what fails is told and the watching goes on. */
export async function watchProject(session: Session, say: (text: string) => void): Promise<void> {
  using stack = new DisposableStack();
  for (const [name, service] of session.project.services)
    for (const rule of service.develop?.watch ?? []) {
      const ignored = await ignoreFile(service);
      const act = async (paths: ReadonlySet<string>) => {
        try {
          await applyRule(session, name, service, rule, paths, say);
        } catch (error) {
          if (!session.signal.aborted) say(`${name}: ${messageOf(error)}`);
        }
      };
      if (rule.initial_sync === true && rule.action.startsWith("sync")) await act(new Set([rule.path]));
      stack.use(await watchFiles(rule, ignored, act));
    }
  say("Watch enabled");
  await new Promise<void>((resolve) => {
    if (session.signal.aborted) resolve();
    session.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function ignoreFile({ build }: Service): Promise<string> {
  const context = build?.context;
  if (context === undefined || isRemote(context)) return ".git";
  const text = await readFile(join(context, ".dockerignore"), "utf8").catch(() => "");
  return `.git\n${text}`;
}

async function applyRule(
  session: Session,
  name: string,
  service: Service,
  rule: Watch,
  paths: ReadonlySet<string>,
  say: (text: string) => void,
): Promise<void> {
  if (rule.action === "rebuild") return await rebuild(session, name, service, say);
  const all = await observe(session, session.project.name);
  const running = containersOf(all, name).filter(({ state }) => state === "running");
  if (rule.action.startsWith("sync")) {
    say(`Syncing service "${name}" after ${paths.size} changes were detected`);
    await Promise.all(running.map((one) => syncFiles(session, one, rule, paths)));
  }
  if (rule.action.endsWith("restart")) await restart(session, running, say);
  const { exec } = rule;
  if (exec !== undefined && rule.action === "sync+exec")
    await Promise.all(running.map((one) => runHook(session, one, exec)));
}

async function restart(
  session: Session,
  running: readonly Observed[],
  say: (text: string) => void,
): Promise<void> {
  await Promise.all(running.map(({ id }) => session.client.restartContainer(id, {}, session.signal)));
  for (const { service } of running.slice(0, 1)) say(`service "${service}" restarted`);
}

async function rebuild(
  session: Session,
  name: string,
  service: Service,
  say: (text: string) => void,
): Promise<void> {
  say(`Rebuilding service(s) ["${name}"] after changes were detected...`);
  await buildServices(session, new Map([[name, service]]), { isQuiet: false });
  const alone = {
    ...session,
    project: { ...session.project, services: new Map([[name, service]]), disabled: session.project.services },
  };
  await createProject(alone, {
    images: { build: "never", isQuiet: true },
    services: [name],
    recreate: "diverged",
    recreateDependencies: "never",
    renewAnonymous: false,
    removeOrphans: false,
    ignoreOrphans: true,
  });
  await startProject(alone);
  say(`service(s) ["${name}"] successfully built`);
}
