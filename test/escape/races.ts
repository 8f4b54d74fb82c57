import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import type { EngineUnderTest } from "../support/engine.ts";
import type { Subject } from "./escape-case.ts";

/** How often a race is run; `ESCAPE_ROUNDS` is for nights. */
export function roundsOf(usual: number): number {
  return Number(process.env["ESCAPE_ROUNDS"] ?? usual);
}

export interface Race {
  /** Where the swapping container's file system has `a`, a folder with a `secret` of its own, and `b`, a link to the victim. */
  readonly folder: string;
  /** The volume that is mounted there, if it is one. */
  readonly volume?: string;
  readonly rounds: number;
}

/**
 * Runs rounds beside a container that exchanges the folder and the link for one another without a pause, until one of them gets
 * hold of something. Resolves to that, and to whatever happened in the victim folder meanwhile, be it undone since.
 */
export async function race(
  { engine, victim }: Subject,
  { folder, volume, rounds }: Race,
  round: (number: number) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const before = treeHash(victim);
  const events: string[] = [];
  const watcher = watch(victim, { recursive: true }, (kind, name) => events.push(`${kind} of ${name}`));
  const prepare = `mkdir -p ${folder}/a; echo mine > ${folder}/a/secret; ln -s ${victim} ${folder}/b`;
  const mount = volume === undefined ? [] : ["-v", `${volume}:${folder}:nocopy`];
  const script = `${prepare}; exec /probe swap ${folder}/a ${folder}/b`;
  await engine.dockerOk("run", "-d", "--name", "swaps", ...mount, "probe", "sh", "-c", script);
  while (!(await engine.docker("logs", "swaps")).stdout.includes("ready")) {}
  const found: string[] = [];
  try {
    for (let number = 0; number < rounds && found.length + events.length === 0; number++)
      found.push(...(await round(number)));
  } finally {
    await engine.docker("rm", "-f", "swaps");
    if (volume !== undefined) await engine.docker("volume", "rm", volume);
    watcher.close();
  }
  return [...found, ...events, ...(treeHash(victim) === before ? [] : ["the victim folder is another"])];
}

/** Starts a container by the API alone, waits for its end and returns what it printed; nothing, when it did not start. */
export async function runOnce(engine: EngineUnderTest, body: object): Promise<string> {
  const { json } = await engine.api("POST", "/containers/create", { Image: "probe", ...body });
  const path = `/containers/${(json as { Id: string }).Id}`;
  try {
    if ((await engine.api("POST", `${path}/start`)).status !== 204) return "";
    await engine.api("POST", `${path}/wait`);
    return (await engine.api("GET", `${path}/logs?stdout=1`)).body;
  } finally {
    await engine.api("DELETE", `${path}?force=1&v=1`);
  }
}

function treeHash(folder: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const { mode, uid, gid, mtimeMs, ctimeMs, ...info } = statSync(join(folder, name));
    hash.update(JSON.stringify([name, mode, uid, gid, mtimeMs, ctimeMs]));
    if (info.isFile?.()) hash.update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}
