import http from "node:http";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";
import { compose, nameOf, type Which } from "./tools.ts";

/** What bringing a project up and down did: output with what varies from run to run taken out, and what was there between. */
export interface Visit {
  readonly up: { readonly code: number; readonly steps: readonly string[] };
  readonly between: Snapshot;
  readonly down: { readonly code: number; readonly steps: readonly string[] };
  readonly after: Snapshot;
}

/** Services that end by themselves: what they leave is looked at once they have. */
const jobs: Readonly<Record<string, readonly string[]>> = {
  "02-depends": ["migrate"],
  "05-secrets": ["reader"],
  "06-environment": ["app", "map"],
  "10-profiles": ["tool"],
  "14-build": ["inline", "short"],
  "20-jobs": ["job", "ready"],
  "21-buildkit": ["base"],
};

export async function visit(which: Which, project: string, socket: string): Promise<Visit> {
  const up = await compose(which, project, ["up", "-d"], socket);
  const name = nameOf(project);
  for (const job of up.code === 0 ? (jobs[project] ?? []) : [])
    await ended(socket, [name, job, "1"].join(which === "v1" ? "_" : "-"));
  const between = await takeSnapshot(socket, name);
  const down = await compose(which, project, ["down", "-v", "-t", "1", "--rmi", "local"], socket);
  return {
    up: { code: up.code, steps: stepsOf(up.stderr) },
    between,
    down: { code: down.code, steps: stepsOf(down.stderr) },
    after: await takeSnapshot(socket, name),
  };
}

/** Steps run side by side, so their order says nothing. */
function stepsOf(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim().replace(/^time="[^"]*" /, ""));
  return lines.filter((line) => line !== "").sort();
}

async function ended(socketPath: string, container: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const path = `/containers/${container}/wait`;
  const request = http.request({ socketPath, path, method: "POST", agent: false }, (answer) => {
    answer.resume();
    answer.on("end", resolve);
    answer.on("error", reject);
  });
  request.on("error", reject);
  request.end();
  await promise;
}
