import type { CreateBody, ExecConfig } from "#api/docker/container.ts";
import { type DockerApi, encodeFilters, type Filters } from "./docker-api.ts";
import { demultiplex, jsonLines, type OutputPiece, rawOutput } from "./streams.ts";
import type { Hijacked } from "./transport.ts";
import type {
  ContainerDetails,
  ContainerStats,
  ContainerSummary,
  PruneReport,
  TopTable,
} from "./docker-types.ts";

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly logs?: boolean;
  readonly detachKeys?: string | undefined;
}

export interface LogsOptions {
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly timestamps?: boolean;
  readonly details?: boolean;
  readonly tail?: string;
}

export interface WaitResult {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string } | null;
}

export interface ExecState {
  readonly ID: string;
  readonly Running: boolean;
  readonly ExitCode: number | null;
}

/** What containers can be asked. Every call throws a Fault of the answer's kind. */
export interface ContainerCalls {
  listContainers(
    options: {
      readonly all?: boolean;
      readonly limit?: number | undefined;
      readonly size?: boolean;
      readonly filters?: Filters;
    },
    signal: AbortSignal,
  ): Promise<readonly ContainerSummary[]>;
  createContainer(
    name: string,
    body: CreateBody,
    signal: AbortSignal,
    options?: { readonly platform?: string | undefined },
  ): Promise<{ readonly Id: string; readonly Warnings: readonly string[] | null }>;
  inspectContainer(ref: string, signal: AbortSignal): Promise<ContainerDetails>;
  startContainer(
    ref: string,
    signal: AbortSignal,
    options?: {
      readonly detachKeys?: string | undefined;
      readonly checkpoint?: string | undefined;
      readonly checkpointDir?: string | undefined;
    },
  ): Promise<void>;
  /** Asks, and after `timeoutS` (or the container's own) kills. One that does not run is fine. */
  stopContainer(ref: string, options: StopOptions, signal: AbortSignal): Promise<void>;
  restartContainer(ref: string, options: StopOptions, signal: AbortSignal): Promise<void>;
  killContainer(ref: string, signalName: string | undefined, signal: AbortSignal): Promise<void>;
  pauseContainer(ref: string, signal: AbortSignal): Promise<void>;
  unpauseContainer(ref: string, signal: AbortSignal): Promise<void>;
  renameContainer(ref: string, name: string, signal: AbortSignal): Promise<void>;
  updateContainer(
    ref: string,
    changes: object,
    signal: AbortSignal,
  ): Promise<{ readonly Warnings: readonly string[] | null }>;
  removeContainer(
    ref: string,
    signal: AbortSignal,
    options?: { readonly force?: boolean; readonly volumes?: boolean; readonly link?: boolean },
  ): Promise<void>;
  pruneContainers(filters: Filters, signal: AbortSignal): Promise<PruneReport>;
  /** Resolves when the daemon has begun to wait; `ended` resolves when the container has. */
  waitContainer(
    ref: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ readonly ended: Promise<WaitResult> }>;
  attachContainer(ref: string, options: AttachOptions, signal: AbortSignal): Promise<Hijacked>;
  resizeContainer(ref: string, size: TerminalSize, signal: AbortSignal): Promise<void>;
  /** The log's pieces; `isTerminal` says whether the container has a terminal, as its log is raw then. */
  containerLogs(
    ref: string,
    options: LogsOptions & { readonly isTerminal: boolean },
    signal: AbortSignal,
  ): AsyncIterable<OutputPiece>;
  topContainer(ref: string, psArgs: string | undefined, signal: AbortSignal): Promise<TopTable>;
  containerChanges(
    ref: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly Path: string; readonly Kind: number }[] | null>;
  containerStats(
    ref: string,
    options: { readonly stream: boolean },
    signal: AbortSignal,
  ): AsyncIterable<ContainerStats>;
  exportContainer(ref: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  createExec(ref: string, config: Partial<ExecConfig>, signal: AbortSignal): Promise<string>;
  startExec(
    id: string,
    options: { readonly Tty: boolean; readonly ConsoleSize?: readonly [number, number] },
    signal: AbortSignal,
  ): Promise<Hijacked>;
  startExecDetached(id: string, options: { readonly Tty: boolean }, signal: AbortSignal): Promise<void>;
  inspectExec(id: string, signal: AbortSignal): Promise<ExecState>;
  resizeExec(id: string, size: TerminalSize, signal: AbortSignal): Promise<void>;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface StopOptions {
  readonly timeoutS?: number | undefined;
  readonly signalName?: string | undefined;
}

export function containerCalls(api: DockerApi): ContainerCalls {
  const post = async (path: string, query: Parameters<DockerApi["text"]>[2], signal: AbortSignal) =>
    void (await api.text("POST", path, query, signal));
  return {
    listContainers: ({ all, limit, size, filters }, signal) =>
      api.json(
        "GET",
        "/containers/json",
        { query: { all, limit, size, filters: encodeFilters(filters) } },
        signal,
      ),
    createContainer: (name, json, signal, { platform } = {}) =>
      api.json(
        "POST",
        "/containers/create",
        { query: { name: name || undefined, platform: platform || undefined }, json },
        signal,
      ),
    inspectContainer: (ref, signal) => api.json("GET", `${at(ref)}/json`, {}, signal),
    startContainer: (ref, signal, { detachKeys, checkpoint, checkpointDir } = {}) =>
      post(
        `${at(ref)}/start`,
        { query: { detachKeys, checkpoint, "checkpoint-dir": checkpointDir } },
        signal,
      ),
    stopContainer: (ref, options, signal) => post(`${at(ref)}/stop`, { query: stopQuery(options) }, signal),
    restartContainer: (ref, options, signal) =>
      post(`${at(ref)}/restart`, { query: stopQuery(options) }, signal),
    killContainer: (ref, name, signal) => post(`${at(ref)}/kill`, { query: { signal: name } }, signal),
    pauseContainer: (ref, signal) => post(`${at(ref)}/pause`, {}, signal),
    unpauseContainer: (ref, signal) => post(`${at(ref)}/unpause`, {}, signal),
    renameContainer: (ref, name, signal) => post(`${at(ref)}/rename`, { query: { name } }, signal),
    updateContainer: (ref, json, signal) => api.json("POST", `${at(ref)}/update`, { json }, signal),
    async removeContainer(ref, signal, { force = true, volumes: v = true, link } = {}) {
      await api.text("DELETE", at(ref), { query: { force, v, link } }, signal);
    },
    pruneContainers: (filters, signal) =>
      api.json("POST", "/containers/prune", { query: { filters: encodeFilters(filters) } }, signal),
    async waitContainer(ref, condition, signal) {
      const { body } = await api.stream("POST", `${at(ref)}/wait`, { query: { condition } }, signal);
      return { ended: firstOf<WaitResult>(body) };
    },
    attachContainer: (ref, { stdin, stdout, stderr, logs, detachKeys }, signal) =>
      api.hijack(
        `${at(ref)}/attach`,
        { query: { detachKeys, logs, stderr, stdin, stdout, stream: true } },
        signal,
      ),
    resizeContainer: (ref, { rows: h, columns: w }, signal) =>
      post(`${at(ref)}/resize`, { query: { h, w } }, signal),
    containerLogs: (ref, options, signal) => readLogs(api, ref, options, signal),
    topContainer: (ref, psArgs, signal) =>
      api.json("GET", `${at(ref)}/top`, { query: { ps_args: psArgs } }, signal),
    containerChanges: (ref, signal) => api.json("GET", `${at(ref)}/changes`, {}, signal),
    containerStats: (ref, { stream }, signal) => readStats(api, ref, stream, signal),
    exportContainer: async (ref, signal) => (await api.stream("GET", `${at(ref)}/export`, {}, signal)).body,
    async createExec(ref, json, signal) {
      return (await api.json<{ readonly Id: string }>("POST", `${at(ref)}/exec`, { json }, signal)).Id;
    },
    startExec: (id, json, signal) =>
      api.hijack(`/exec/${id}/start`, { json: { Detach: false, ...json } }, signal),
    startExecDetached: (id, json, signal) =>
      post(`/exec/${id}/start`, { json: { Detach: true, ...json } }, signal),
    inspectExec: (id, signal) => api.json("GET", `/exec/${id}/json`, {}, signal),
    resizeExec: (id, { rows: h, columns: w }, signal) =>
      post(`/exec/${id}/resize`, { query: { h, w } }, signal),
  };
}

function at(ref: string): string {
  return `/containers/${encodeURIComponent(ref)}`;
}

function stopQuery({ timeoutS, signalName }: StopOptions) {
  return { signal: signalName, t: timeoutS };
}

async function firstOf<T>(body: AsyncIterable<Uint8Array>): Promise<T> {
  let found: T | undefined;
  for await (const value of jsonLines<T>(body)) found ??= value;
  return found ?? ({ StatusCode: 125, Error: { Message: "unexpected EOF" } } as T);
}

async function* readLogs(
  api: DockerApi,
  ref: string,
  { isTerminal, ...options }: LogsOptions & { readonly isTerminal: boolean },
  signal: AbortSignal,
): AsyncGenerator<OutputPiece> {
  const { body } = await api.stream("GET", `${at(ref)}/logs`, { query: { ...options } }, signal);
  yield* isTerminal ? rawOutput(body) : demultiplex(body);
}

async function* readStats(
  api: DockerApi,
  ref: string,
  stream: boolean,
  signal: AbortSignal,
): AsyncGenerator<ContainerStats> {
  const query = { stream: stream ? "1" : "0" };
  const { body } = await api.stream("GET", `${at(ref)}/stats`, { query }, signal);
  yield* jsonLines<ContainerStats>(body);
}
