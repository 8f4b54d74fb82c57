import { accessSync, constants } from "node:fs";
import { Fault } from "#base/fault.ts";

/**
 * What a runtime wants to be told differently. crun gets the seccomp filter compiled and leaves cgroups to the engine; runc
 * compiles it and sets the rules for devices; runsc has a kernel of its own and leaves cgroups alone when told to.
 */
export type Dialect = "crun" | "runc" | "runsc";

export interface Runtime {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly dialect: Dialect;
}

export interface RuntimeOptions {
  /** `NAME=PATH`, as dockerd's `--add-runtime` has them. */
  readonly added: readonly string[];
  /** Name of one of them all; absent: crun, or runc where crun is not installed. */
  readonly defaultName?: string;
}

const usual = {
  crun: ["/usr/bin/crun", "/usr/local/bin/crun"],
  runc: ["/usr/bin/runc", "/usr/sbin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc"],
  runsc: ["/usr/bin/runsc", "/usr/local/bin/runsc"],
} as const satisfies Record<Dialect, readonly string[]>;

/** Docker's own name for its usual one. */
const shimName = "io.containerd.runc.v2";

/** The OCI runtimes that containers can be run by. */
export class Runtimes {
  readonly defaultName: string;
  /** The one that shims hold as a sealed image in memory. */
  readonly sealed: Runtime;
  readonly #byName: ReadonlyMap<string, Runtime>;

  /** @throws {Fault} `invalid` for an option that makes no sense, `precondition` when there is no runtime at all */
  constructor({ added, defaultName }: RuntimeOptions, isThere: (path: string) => boolean = isExecutable) {
    const byName = new Map<string, Runtime>();
    for (const dialect of ["crun", "runc", "runsc"] as const) {
      const path = usual[dialect].find(isThere);
      if (path !== undefined) byName.set(dialect, { name: dialect, path, dialect });
    }
    for (const runtime of added.map(parseRuntime)) byName.set(runtime.name, runtime);
    const first = byName.get("crun") ?? byName.get("runc") ?? [...byName.values()][0];
    if (first === undefined) throw new Fault("precondition", "no OCI runtime is installed: install crun");
    // Clients name Docker's usual one where they mean whatever is usual.
    for (const name of ["runc", shimName])
      if (!byName.has(name)) byName.set(name, byName.get("runc") ?? first);
    this.#byName = byName;
    this.sealed = first;
    this.defaultName = defaultName ?? first.name;
    if (!byName.has(this.defaultName))
      throw new Fault("invalid", `specified default runtime '${this.defaultName}' does not exist`);
  }

  /** @throws {Fault} `invalid` with Docker's text */
  get(name: string): Runtime {
    const found = this.#byName.get(name === "" ? this.defaultName : name);
    if (found === undefined) throw new Fault("invalid", `unknown or invalid runtime name: ${name}`);
    return found;
  }

  /** As `docker info` lists them. */
  list(): Readonly<Record<string, { readonly path: string }>> {
    return Object.fromEntries([...this.#byName].map(([name, { path }]) => [name, { path }]));
  }
}

/** @throws {Fault} `invalid` */
function parseRuntime(text: string): Runtime {
  const [, name, path] = /^([a-zA-Z0-9][a-zA-Z0-9._-]*)=(\/[^\0]*)$/.exec(text) ?? [];
  if (name === undefined || path === undefined)
    throw new Fault("invalid", `invalid runtime ${JSON.stringify(text)}: expected NAME=/ABSOLUTE/PATH`);
  const program = path.slice(path.lastIndexOf("/") + 1);
  const dialect = program.includes("crun") ? "crun" : program.includes("runsc") ? "runsc" : "runc";
  return { name, path, dialect };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
