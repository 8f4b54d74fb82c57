import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkout } from "../support/engine.ts";

const run = promisify(execFile);

export const projectsFolder = join(import.meta.dirname, "projects");
export const projectNames: readonly string[] = readdirSync(projectsFolder).sort();

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `peer` is docker compose 2, `v1` the docker-compose that was before it. */
export type Which = "ours" | "peer" | "v1";

const programs: Readonly<Record<Which, readonly [string, ...string[]]>> = {
  ours: [join(checkout, "bin/gantry"), "compose"],
  peer: ["docker", "compose"],
  // Debian's own interpreter: another one that is first on the path has other packages.
  v1: ["/usr/bin/docker-compose"],
};

/** A compose of the three, run in a project's folder. Never throws for its exit code. */
export async function compose(
  which: Which,
  project: string,
  args: readonly string[],
  socket = "/nonexistent/docker.sock",
): Promise<Outcome> {
  const [program, ...first] = programs[which];
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, COMPOSE_PROGRESS: "plain" };
  const options = { cwd: join(projectsFolder, project), env, maxBuffer: 1 << 26, timeout: 50_000 };
  try {
    const running = run(program, [...first, ...args], options);
    running.child.stdin?.end();
    return { code: 0, ...(await running) };
  } catch (error) {
    const failed = error as { code?: number | string; stdout?: string; stderr?: string };
    if (typeof failed.code !== "number") throw error;
    return { code: failed.code, stdout: failed.stdout ?? "", stderr: failed.stderr ?? "" };
  }
}

/** Whether the peer's compose is there to compare with. */
export async function hasPeer(): Promise<boolean> {
  const { code, stdout } = await compose("peer", projectNames[0] ?? "", ["version", "--short"]);
  return code === 0 && stdout.startsWith("2.");
}

/** The name under which a project runs: its folder's, unless the file has one. */
export function nameOf(project: string): string {
  const file = readFileSync(join(projectsFolder, project, "compose.yaml"), "utf8");
  return /^name: (\S+)/m.exec(file)?.[1] ?? project;
}
