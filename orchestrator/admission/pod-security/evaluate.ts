import { baseline } from "./baseline.ts";
import type { CheckedPod } from "./check.ts";
import { restricted } from "./restricted.ts";

export type Level = "privileged" | "baseline" | "restricted";

export interface Policy {
  readonly level: Level;
  /** `latest`, or the minor version of 1. */
  readonly version: "latest" | number;
}

/** What `latest` means. */
const NEWEST = 36;

/** `restricted:latest` or `baseline:v1.30` */
export function describePolicy({ level, version }: Policy): string {
  return `${level}:${version === "latest" ? version : `v1.${version}`}`;
}

/** All that a policy has against a pod, in one line; empty when it may run. */
export function violationsOf({ level, version }: Policy, pod: CheckedPod): string {
  const minor = version === "latest" ? NEWEST : Math.min(version, NEWEST);
  return checksOf(level, minor)
    .flatMap(({ check }) => check(pod, minor) ?? [])
    .map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`))
    .join(", ");
}

function checksOf(level: Level, minor: number) {
  if (level === "privileged") return [];
  const own = baseline.filter(({ since }) => since <= minor);
  if (level === "baseline") return own;
  const strict = restricted.filter(({ since }) => since <= minor);
  const replaced = new Set(strict.map(({ replaces }) => replaces));
  return [...own.filter(({ id }) => !replaced.has(id)), ...strict];
}
