import { join } from "node:path";

/** Where everything of an engine instance lies. @see docs/formats/folders.md */
export interface EnginePaths {
  /** What must survive a reboot, `/var/lib/gantry`. */
  readonly root: string;
  /** What must not, `/run/gantry`. */
  readonly run: string;
}

/** `<root>/containers/<id>`: log, exit status, and the files bound to /etc. */
export function containerFolder(paths: EnginePaths, id: string): string {
  return join(paths.root, "containers", id);
}

export function logFile(paths: EnginePaths, id: string): string {
  return join(containerFolder(paths, id), `${id}-json.log`);
}

/** How far the log was sent to where the container's log driver says. */
export function shippedFile(paths: EnginePaths, id: string): string {
  return join(containerFolder(paths, id), "log-shipped");
}

/** What the shim leaves when the container has ended: exit code and time. */
export function exitFile(paths: EnginePaths, id: string): string {
  return join(containerFolder(paths, id), "exit");
}

/** `<run>/c/<id>`: the OCI bundle of a running container. */
export function bundleFolder(paths: EnginePaths, id: string): string {
  return join(paths.run, "c", id);
}

/** Socket paths have 107 bytes: the first 20 digits of the ID do. */
export function shimSocket(paths: EnginePaths, id: string): string {
  return join(paths.run, "s", id.slice(0, 20));
}

/** State of the OCI runtime, one folder a container. */
export function runtimeState(paths: EnginePaths): string {
  return join(paths.run, "crun");
}
