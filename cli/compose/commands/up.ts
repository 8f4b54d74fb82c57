import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../../context.ts";
import { bool, type FlagValues, list, number, text } from "../../flags.ts";
import { runAttached } from "../converge/attached.ts";
import { createProject } from "../converge/create.ts";
import { containersOf, observe } from "../converge/observe.ts";
import { startProject } from "../converge/start.ts";
import { watchProject } from "../converge/watch.ts";
import { waitHealthy } from "../converge/wait.ts";
import { createFlags, createOptions, withScales } from "../create-flags.ts";
import { openSession } from "../open-session.ts";
import type { Session } from "../session.ts";

const flags = {
  ...createFlags,
  "abort-on-container-exit": bool("Stops all containers if any container was stopped. Incompatible with -d"),
  "abort-on-container-failure": bool(
    "Stops all containers if any container exited with failure. Incompatible with -d",
  ),
  "always-recreate-deps": bool("Recreate dependent containers. Incompatible with --no-recreate."),
  attach: list(
    "stringArray",
    "Restrict attaching to the specified services. Incompatible with --attach-dependencies.",
  ),
  "attach-dependencies": bool("Automatically attach to log output of dependent services"),
  detach: bool("Detached mode: Run containers in the background", "d"),
  "exit-code-from": text(
    "string",
    "Return the exit code of the selected service container. Implies --abort-on-container-exit",
  ),
  menu: bool("Enable interactive shortcuts when running attached. Accepted; there are none."),
  "no-attach": list("stringArray", "Do not attach (stream logs) to the specified services"),
  "no-color": bool("Produce monochrome output"),
  "no-deps": bool("Don't start linked services"),
  "no-log-prefix": bool("Don't print prefix in logs"),
  "no-start": bool("Don't start the services after creating them"),
  "quiet-build": bool("Suppress the build output"),
  "renew-anon-volumes": bool(
    "Recreate anonymous volumes instead of retrieving data from the previous containers",
    "V",
  ),
  timeout: number(
    "int",
    "Use this timeout in seconds for container shutdown when attached or when containers are already running",
    "t",
  ),
  timestamps: bool("Show timestamps"),
  wait: bool("Wait for services to be running|healthy. Implies detached mode."),
  "wait-timeout": number("int", "Maximum duration in seconds to wait for the project to be running|healthy"),
  watch: bool("Watch source code and rebuild/refresh containers when files are updated.", "w"),
} as const;

type Values = FlagValues<typeof flags>;

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Create and start containers",
  flags,
  operands: [0, Infinity],
  examples: [
    ["gantry compose up -d", "in the background"],
    ["gantry compose up --abort-on-container-exit --exit-code-from test", "as a test run"],
  ],
  async run(context, values, services) {
    check(values);
    const opened = await openSession(context, { services, withDependencies: !values["no-deps"] });
    const project = withScales(opened.project, values.scale);
    const session = { ...opened, project };
    using _ = session.progress;
    const options = createOptions(project, values, services);
    await createProject(session, {
      ...options,
      images: { ...options.images, isQuiet: values["quiet-build"] },
      renewAnonymous: values["renew-anon-volumes"],
      recreateDependencies: values["always-recreate-deps"] ? "force" : options.recreateDependencies,
      timeoutS: values.timeout,
    });
    if (values["no-start"]) return 0;
    if (values.detach || values.wait) return await detached(session, values);
    return await attached(context, session, values, services);
  },
});

function check(values: Values): void {
  const aborts = values["abort-on-container-exit"] || values["abort-on-container-failure"];
  if (values.detach && (aborts || values["exit-code-from"] !== undefined))
    throw new Fault("invalid", "--abort-on-container-exit and --detach are incompatible");
  if (values.watch && values.detach) throw new Fault("invalid", "--watch and --detach are incompatible");
  if (values["always-recreate-deps"] && values["no-recreate"])
    throw new Fault("invalid", "--always-recreate-deps and --no-recreate are incompatible");
  if (values["attach-dependencies"] && values.attach.length > 0)
    throw new Fault("invalid", "cannot combine --attach and --attach-dependencies");
}

async function detached(session: Session, values: Values): Promise<number> {
  await startProject(session);
  if (values.wait) await waitForAll(session, values["wait-timeout"]);
  return 0;
}

/** @throws {Fault} when a service does not become healthy, or has ended */
async function waitForAll(session: Session, timeoutS: number | undefined): Promise<void> {
  const { project, progress } = session;
  const signal =
    timeoutS === undefined
      ? session.signal
      : AbortSignal.any([session.signal, AbortSignal.timeout(timeoutS * 1000)]);
  const all = await observe(session, project.name);
  const waited = [...project.services.keys()].flatMap((name) => containersOf(all, name));
  try {
    await Promise.all(
      waited.map(async (container) => {
        const id = `Container ${container.name}`;
        progress.event({ id, text: "Waiting", status: "working" });
        await waitHealthy({ client: session.client, signal }, container, { orRunning: true });
        progress.event({ id, text: "Healthy", status: "done" });
      }),
    );
  } catch (error) {
    if (signal.aborted && !session.signal.aborted)
      throw new Fault(
        "unavailable",
        `timeout waiting for dependencies: application not healthy after ${timeoutS}s`,
        { cause: error },
      );
    throw error;
  }
}

async function attached(
  context: Context,
  session: Session,
  values: Values,
  services: readonly string[],
): Promise<number> {
  const { project } = session;
  const from = values["exit-code-from"];
  if (from !== undefined && !project.services.has(from))
    throw new Fault("not-found", `no such service: ${from}`);
  const named =
    services.length > 0 && !values["attach-dependencies"] ? services : [...project.services.keys()];
  const wanted = values.attach.length > 0 ? values.attach : named;
  const attach = new Set(
    wanted.filter(
      (name) => !values["no-attach"].includes(name) && project.services.get(name)?.attach !== false,
    ),
  );
  const over = new AbortController();
  const signal = AbortSignal.any([session.signal, over.signal]);
  const watching = values.watch
    ? watchProject({ ...session, signal }, (line) => context.out.write(`${line}\n`))
    : undefined;
  const code = await runAttached(session, {
    attach,
    hasColour: context.out.isTerminal && !values["no-color"],
    hasPrefix: !values["no-log-prefix"],
    abortOn:
      values["abort-on-container-exit"] || from !== undefined
        ? "exit"
        : values["abort-on-container-failure"]
          ? "failure"
          : undefined,
    exitCodeFrom: from,
    timeoutS: values.timeout,
    hasTimestamps: values.timestamps,
  });
  over.abort();
  await watching;
  return code;
}
