import { chmodSync, closeSync, mkdirSync, openSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import type { HostPathVolumeSource } from "#api/kube/types/core-volumes.ts";
import { Fault } from "#base/fault.ts";

/** Checks what a hostPath volume says is there, and makes what it says is to be made. @throws {Fault} `precondition` */
export function ensureHostPath({ path, type = "" }: HostPathVolumeSource): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (type === "DirectoryOrCreate" && stats === undefined) return makeFolder(path);
  if (type === "FileOrCreate" && stats === undefined) return makeFile(path);
  if (type === "") return; // the runtime makes a folder of what is missing
  const kind = type.replace("OrCreate", "");
  const wanted = checks[kind];
  if (wanted === undefined) throw new Fault("precondition", `${type} is an invalid volume type`);
  if (stats === undefined || !wanted.holds(stats))
    throw new Fault("precondition", `hostPath type check failed: ${path} is not ${wanted.called}`);
}

const checks: Readonly<Record<string, { readonly called: string; holds(stats: Stats): boolean }>> = {
  Directory: { called: "a directory", holds: (stats) => stats.isDirectory() },
  File: { called: "a file", holds: (stats) => stats.isFile() },
  Socket: { called: "a socket file", holds: (stats) => stats.isSocket() },
  CharDevice: { called: "a character device", holds: (stats) => stats.isCharacterDevice() },
  BlockDevice: { called: "a block device", holds: (stats) => stats.isBlockDevice() },
};

function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
}

function makeFile(path: string): void {
  if (statSync(dirname(path), { throwIfNoEntry: false }) === undefined)
    throw new Fault("precondition", `hostPath type check failed: ${path} is not a file`);
  closeSync(openSync(path, "a", 0o644));
  chmodSync(path, 0o644);
}
