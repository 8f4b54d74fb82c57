import type { ContainerConfig } from "#api/docker/container.ts";

export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** @see Docker Engine API v1.51, definition HealthcheckResult */
export interface ProbeResult {
  /** RFC 3339 with nanoseconds, as is `end`. */
  readonly start: string;
  readonly end: string;
  /** -1 when the probe could not be run, or not to its end. */
  readonly exitCode: number;
  readonly output: string;
}

export interface Health {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly log: readonly ProbeResult[];
}

/** What is run in a container to see whether it is well, and how often. */
export interface HealthCheck {
  readonly args: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  /** How long failures do not count, and how often it is looked meanwhile. */
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

const keptResults = 5;
const defaultShell = ["/bin/sh", "-c"];

/** Undefined for none: no test, `NONE`, or a kind that nobody knows. */
export function planHealthCheck({
  Healthcheck: given,
  Shell: shell,
}: Pick<ContainerConfig, "Healthcheck" | "Shell">): HealthCheck | undefined {
  const [kind, ...rest] = given?.Test ?? [];
  if (given === undefined || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  const milliseconds = (nanoseconds: number | undefined, otherwise: number) =>
    nanoseconds === undefined || nanoseconds === 0 ? otherwise : nanoseconds / 1e6;
  return {
    args: kind === "CMD" ? rest : [...(shell ?? defaultShell), ...rest],
    intervalMs: milliseconds(given.Interval, 30_000),
    timeoutMs: milliseconds(given.Timeout, 30_000),
    retries: given.Retries || 3,
    startPeriodMs: milliseconds(given.StartPeriod, 0),
    startIntervalMs: milliseconds(given.StartInterval, 5000),
  };
}

/** How a run begins: what was seen of the one before stays to be read. */
export function startingHealth(before: Health | undefined): Health {
  return { status: "starting", failingStreak: 0, log: before?.log ?? [] };
}

/** For the state of one that does not run, or is paused: nobody looks after it, and it is not well. */
export function interrupted(health: Health | undefined): { readonly health?: Health } {
  return health === undefined ? {} : { health: { ...health, status: "unhealthy" } };
}

/** @param ranMs how long the container had run when the probe began */
export function healthAfter(health: Health, result: ProbeResult, check: HealthCheck, ranMs: number): Health {
  const log = [...health.log, result].slice(-keptResults);
  if (result.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  if (health.status === "starting" && ranMs < check.startPeriodMs) return { ...health, log };
  const failingStreak = health.failingStreak + 1;
  return { status: failingStreak >= check.retries ? "unhealthy" : health.status, failingStreak, log };
}

/** Milliseconds until the next probe, counted from the start of the container or the end of the one before. */
export function pauseBeforeProbe(health: Health, check: HealthCheck, ranMs: number): number {
  const isStarting = health.status === "starting" && ranMs < check.startPeriodMs;
  return isStarting ? check.startIntervalMs : check.intervalMs;
}
