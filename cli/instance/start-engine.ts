import { bridgeWords } from "./bridge-flags.ts";
import { podWords } from "./pod-flags.ts";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, statSync, watch } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { dockerClient } from "#client/docker-client.ts";
import { type Context, type EngineOptions, socketOf } from "../context.ts";
import { unixTransport } from "../unix-transport.ts";
import { isFolderLocked } from "./lock.ts";
import { findEngine } from "./pid-file.ts";
import { registryServerWords } from "./registry-server-flags.ts";
import { logEnd, spawnDaemon } from "./spawn-daemon.ts";
import { trustWords } from "./trust-flags.ts";

const pingTimeoutMs = 5000;
const startTimeoutMs = 60_000;
/** A listening socket appears a moment before it accepts: how long to wait for that before another look. */
const settleMs = 5;

export function logPathOf(instance: EngineOptions): string {
  return join(instance.root, "engine.log");
}

/** Whether the engine of this instance answers now. One that takes five seconds for a ping does not. */
export async function isAnswering(instance: EngineOptions, signal: AbortSignal): Promise<boolean> {
  const patience = AbortSignal.timeout(pingTimeoutMs);
  try {
    await dockerClient(unixTransport(socketOf(instance))).ping(AbortSignal.any([signal, patience]));
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) return false;
    if (!(error instanceof Fault)) throw error;
    return error.kind !== "unavailable"; // an authorization plugin's refusal is an answer, too
  }
}

/**
 * Starts `gantry engine` in the background with its log in `<root>/engine.log` and resolves once it answers. One that is being
 * started by somebody else at the same time is waited for in the same way.
 *
 * @param words more flags for it
 * @throws {Fault} `unavailable` with the log's end when it ends or does not answer within a minute
 */
export async function startEngine(context: Context, words: readonly string[]): Promise<void> {
  const { instance } = context;
  mkdirSync(instance.root, { recursive: true, mode: 0o700 });
  mkdirSync(instance.run, { recursive: true, mode: 0o755 });
  const child = spawnDaemon(context, logPathOf(instance), ["engine", ...flagsOf(instance), ...words]);
  const deadline = AbortSignal.timeout(startTimeoutMs);
  const signal = AbortSignal.any([context.signal, deadline]);
  try {
    await waitForAnswer(instance, child, signal);
    await untilSettled(instance, child);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!deadline.aborted) throw error;
    throw new Fault("unavailable", `the engine does not answer${logEnd(logPathOf(instance))}`);
  }
}

function flagsOf(instance: EngineOptions): readonly string[] {
  const { root, run, bridgeCidr, usernsRemap, runtimes, logs } = instance;
  const options = Object.entries(logs?.Config ?? {}).map(([key, value]) => `--log-opt=${key}=${value}`);
  return [
    "--root",
    root,
    "--run",
    run,
    ...(bridgeCidr === undefined ? [] : ["--bridge-cidr", bridgeCidr]),
    ...(usernsRemap === undefined ? [] : ["--userns-remap", usernsRemap]),
    ...(runtimes?.added ?? []).flatMap((runtime) => ["--add-runtime", runtime]),
    ...(runtimes?.defaultName === undefined ? [] : ["--default-runtime", runtimes.defaultName]),
    ...(logs === undefined ? [] : [`--log-driver=${logs.Type}`, ...options]),
    ...trustWords(instance),
    ...registryServerWords(instance),
    ...podWords(instance),
    ...bridgeWords(instance),
  ];
}

/** Looks when the run folder changes, when the process ends, and never otherwise. */
async function waitForAnswer(
  instance: EngineOptions,
  child: ChildProcess,
  signal: AbortSignal,
): Promise<void> {
  let change = Promise.withResolvers<void>();
  const wake = () => change.resolve();
  const watcher = watch(instance.run, { signal }, wake);
  watcher.on("error", wake);
  child.once("exit", wake);
  child.once("error", wake);
  signal.addEventListener("abort", wake, { once: true });
  try {
    while (!(await isAnswering(instance, signal))) {
      if (hasEnded(child) && !isFolderLocked(instance.root))
        throw new Fault("unavailable", `the engine did not start${logEnd(logPathOf(instance))}`);
      const isThere = statSync(socketOf(instance), { throwIfNoEntry: false }) !== undefined;
      const settle = isThere || hasEnded(child) ? setTimeout(wake, settleMs) : undefined;
      await change.promise;
      clearTimeout(settle);
      signal.throwIfAborted();
      change = Promise.withResolvers<void>();
    }
  } finally {
    watcher.close();
    child.removeAllListeners();
    signal.removeEventListener("abort", wake);
  }
}

/**
 * When another engine answered, ours has yet to find that out: if that one were stopped before, ours would take its place after
 * everybody thought that none runs.
 */
async function untilSettled(instance: EngineOptions, child: ChildProcess): Promise<void> {
  if (hasEnded(child) || findEngine(instance.run)?.pid === child.pid) return;
  child.ref();
  await once(child, "exit");
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
