import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";

/**
 * The administrator's kubeconfig of the cluster that has its state in `root`.
 *
 * @throws {Fault} `forbidden` for who may not read it, `not-found` when there has never been a cluster
 */
export function readAdminKubeconfig(root: string): string {
  const path = join(root, "kubeconfig");
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EACCES") throw new Fault("forbidden", `${path}: permission denied`);
    throw new Fault("not-found", `${path} is not there: the cluster has never been started`, {
      cause: error,
    });
  }
}

/** The address of its API; undefined where {@link readAdminKubeconfig} would throw. */
export function findAdminServer(root: string): string | undefined {
  try {
    return /^ +server: (\S+)$/m.exec(readAdminKubeconfig(root))?.[1];
  } catch {
    return undefined;
  }
}
