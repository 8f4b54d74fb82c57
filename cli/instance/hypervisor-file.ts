import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findDaemon } from "./pid-file.ts";

/** What the hypervisor tells the command line of itself while it runs. */
export interface HypervisorFile {
  /** Of its API, as this machine reaches it. */
  readonly url: string;
  /** What machines run with. */
  readonly accelerator: string;
}

/** Where the hypervisor of an instance is; undefined when it does not run. */
export function findHypervisor(run: string): (HypervisorFile & { readonly pid: number }) | undefined {
  const daemon = findDaemon(run, "hypervisor");
  if (daemon === undefined) return undefined;
  try {
    const file = JSON.parse(readFileSync(pathIn(run), "utf8")) as HypervisorFile;
    return { ...file, pid: daemon.pid };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** @param host where the API listens, empty for every address */
export function writeHypervisorFile(
  run: string,
  host: string,
  { port, accelerator }: { readonly port: number; readonly accelerator: string },
): Disposable {
  const path = pathIn(run);
  const url = `https://${reachable(host)}:${port}`;
  writeFileSync(`${path}.new`, JSON.stringify({ url, accelerator } satisfies HypervisorFile));
  renameSync(`${path}.new`, path);
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

function reachable(host: string): string {
  if (host === "" || host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

function pathIn(run: string): string {
  return join(run, "hypervisor.json");
}
