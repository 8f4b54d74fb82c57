import type { DockerClient } from "#client/docker-client.ts";
import type { Context } from "../context.ts";
import type { Project } from "./model.ts";
import type { Progress } from "./progress/progress.ts";

/** What a compose command works with once its project is loaded. */
export interface Session {
  readonly context: Context;
  readonly client: DockerClient;
  readonly project: Project;
  readonly progress: Progress;
  /** Nothing is to be changed. */
  readonly isDryRun: boolean;
  /** Writes a warning as compose does. */
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}
