import { Fault } from "#base/fault.ts";
import type { Containers } from "#engine/containers/containers.ts";
import { json } from "./answer.ts";
import type { Route } from "./call.ts";

export interface TopDeps {
  readonly containers: Containers;
  /** What the host's `ps` prints. @throws {Fault} `invalid` with its complaint about the arguments */
  readonly ps: (args: readonly string[], signal: AbortSignal) => Promise<string>;
}

export function topRoutes({ containers, ps }: TopDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/containers/{id}/top",
      handle: async ({ name, query, signal }) => {
        const args = query.text("ps_args") || "-ef";
        checkArguments(args);
        const pids = await containers.processes(name);
        const table = await ps(
          args.split(/\s+/).filter((arg) => arg !== ""),
          signal,
        );
        return json(parseTable(table, pids));
      },
    },
  ];
}

/** Renaming the PID column would let a client see other processes' lines. */
function checkArguments(args: string): void {
  for (const [, name = "", column = ""] of args.matchAll(/(?:^|[\s,])([a-zA-Z_]*)=\s*(PID[^\s]*)/g))
    if (name !== "pid") throw new Fault("invalid", `specifying "${name}=${column}" is not allowed`);
  if (args.includes("\0")) throw new Fault("invalid", "ps arguments contain a NUL byte");
}

/**
 * The lines of `ps` that belong to the pids, cut into as many fields as there are titles: the last one takes the rest.
 *
 * @throws {Fault} `invalid` when there is no PID column
 */
export function parseTable(
  table: string,
  pids: readonly number[],
): { readonly Processes: readonly (readonly string[])[]; readonly Titles: readonly string[] } {
  const [header = "", ...lines] = table.split("\n");
  const Titles = header.trim().split(/\s+/);
  const pidColumn = Titles.indexOf("PID");
  if (pidColumn < 0) throw new Fault("invalid", "Couldn't find PID field in ps output");
  const wanted = new Set(pids.map(String));
  const Processes: string[][] = [];
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    if (!wanted.has(fields[pidColumn] ?? "")) continue;
    Processes.push([...fields.slice(0, Titles.length - 1), fields.slice(Titles.length - 1).join(" ")]);
  }
  return { Processes, Titles };
}
