import type { DockerClient } from "#client/docker-client.ts";
import type { Context } from "../context.ts";
import { readAllAuths } from "../config/registry-auth.ts";
import { Exit } from "../failure.ts";
import { dryRunClient } from "./engine/dry-run.ts";
import type { GroupValues } from "./group-flags.ts";
import { usesApiSocket, withApiSocket } from "./load/api-socket.ts";
import { selectServices } from "./load/select.ts";
import type { Project } from "./model.ts";
import { openProject, openProjectOrName, warn } from "./open-project.ts";
import { openProgress, type Progress, type ProgressMode } from "./progress/progress.ts";
import type { Session } from "./session.ts";

/** The flags that the group took, as they are typed there. */
export function groupValuesOf(context: Context): GroupValues {
  return context.groupValues as unknown as GroupValues;
}

export interface SessionOptions {
  /** Named services; the project keeps them and what they depend on. */
  readonly services?: readonly string[];
  readonly withDependencies?: boolean;
  /** Do with the project's name when there is no file. */
  readonly canLackFiles?: boolean;
  readonly title?: string;
  readonly isQuiet?: boolean;
}

/** @throws {Fault} for a project that cannot be loaded, or a service that it does not have */
export async function openSession(context: Context, options: SessionOptions = {}): Promise<Session> {
  const values = groupValuesOf(context);
  const open = options.canLackFiles === true ? openProjectOrName : openProject;
  const whole = await open(context, values);
  const isBare = whole.services.size === 0 && whole.disabled.size === 0;
  const project = isBare
    ? whole
    : selectServices(whole, options.services ?? [], { withDependencies: options.withDependencies ?? true });
  const meant = usesApiSocket(project) ? withApiSocket(project, await storedAuths(context)) : project;
  return sessionFor(context, meant, options.title ?? "Running", options.isQuiet);
}

/** As a client keeps them in its file. */
async function storedAuths(context: Context): Promise<object> {
  const auths = await readAllAuths(context.config());
  return Object.fromEntries(
    Object.entries(auths).map(([server, { username = "", password = "", identitytoken }]) => [
      server,
      {
        auth: Buffer.from(`${username}:${password}`).toString("base64"),
        ...(identitytoken !== undefined && { identitytoken }),
      },
    ]),
  );
}

export function sessionFor(context: Context, project: Project, title: string, isQuiet = false): Session {
  const values = groupValuesOf(context);
  const client: DockerClient = values["dry-run"] ? dryRunClient(context.engine()) : context.engine();
  return {
    context,
    client,
    project,
    progress: progressFor(context, title, isQuiet),
    isDryRun: values["dry-run"],
    warn: (message) => warn(context, message),
    signal: context.signal,
  };
}

function progressFor(context: Context, title: string, isQuiet: boolean): Progress {
  const values = groupValuesOf(context);
  const asked = values.progress ?? context.env["COMPOSE_PROGRESS"] ?? "auto";
  const isRedrawn = context.err.isTerminal && values.ansi !== "never";
  const mode = asked === "auto" ? (isRedrawn ? "tty" : "plain") : asked;
  if (!["tty", "plain", "quiet", "json"].includes(mode))
    throw new Exit(1, `unsupported --progress value "${mode}"`);
  const prefix = values["dry-run"] ? "DRY-RUN MODE -  " : "";
  return openProgress(isQuiet ? "quiet" : (mode as ProgressMode), context.err, title, prefix);
}
