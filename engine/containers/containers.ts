import type { PathStat } from "#api/docker/path-stat.ts";
import type { Duplex, Readable } from "node:stream";
import type { CreateBody, EndpointSettings, ExecConfig } from "#api/docker/container.ts";
import type { UpdateBody } from "#api/docker/shapes.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import type { LogQuery } from "#engine/logs/log-query.ts";
import type { ContainerRecord } from "./record.ts";

/** `ref` everywhere: a full ID, a unique prefix of one, or a name with or without its slash. */
export interface Containers {
  /**
   * @throws {Fault} `not-found` "No such image: X"; `conflict` for a taken name with Docker's text; `invalid` for a request
   *   that makes no sense. Durable when it resolves.
   */
  create(
    request: {
      readonly name?: string;
      readonly body: CreateBody;
      readonly platform?: string;
      readonly apiVersion: string;
    },
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  /** @throws {Fault} `not-found` "No such container: X"; `invalid` for an ambiguous prefix */
  get(ref: string): ContainerRecord;
  /** Newest first. */
  list(): readonly ContainerRecord[];
  /** Bumped by every change of that container's record: lets the API keep encoded answers. */
  revisionOf(id: string): number;

  /** @throws {Fault} `not-modified` when it runs; the runtime's reason as `invalid` (126, 127) or `internal` otherwise */
  start(ref: string, signal: AbortSignal): Promise<void>;
  /** @throws {Fault} `not-modified` when it does not run. `timeoutS` -1 waits for ever. */
  stop(ref: string, options: { readonly signal?: string; readonly timeoutS?: number }): Promise<void>;
  restart(ref: string, options: { readonly signal?: string; readonly timeoutS?: number }): Promise<void>;
  /** @throws {Fault} `conflict` "cannot kill container: X: container ID is not running"; `invalid` for an unknown signal */
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  /**
   * Joins it to one more network: at once when it runs, else with its next start.
   *
   * @throws {Fault} `not-found`; `forbidden`, `invalid` with Docker's texts for what cannot be joined; `exhausted`
   */
  connectNetwork(ref: string, network: string, settings: Partial<EndpointSettings>): Promise<void>;
  /** @throws {Fault} `not-found`; `forbidden` when it is not in the network */
  disconnectNetwork(ref: string, network: string, isForced: boolean): Promise<void>;
  /**
   * Changes limits and restart policy, of a running container at once: everything that was asked for or nothing. Durable when it
   * resolves. Returns warnings.
   *
   * @param version minor API version
   * @throws {Fault} `invalid`; `conflict` for what does not go with what it has, or what the kernel does not do now
   */
  update(ref: string, body: UpdateBody, version: number): Promise<readonly string[]>;
  /**
   * Takes the link `container/alias` from the container that has it, and from its hosts file when it runs.
   *
   * @throws {Fault} `not-found` "No such container: X" when there is no such link
   */
  removeLink(link: string): Promise<void>;
  /** @throws {Fault} `conflict` with Docker's texts when it runs and not `force` */
  remove(ref: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void>;
  /** Settles by condition; `signal` ends the waiting, not the container. Registered before it returns its promise. */
  wait(
    ref: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly error?: string }>;

  /**
   * Checks and registers an attach, also to a container that has not started: not one byte of its output is missed. Then
   * `connect` joins the client's stream to it (already framed for non-tty) until the container ends, the client leaves, or the
   * detach keys come.
   */
  attach(
    ref: string,
    options: {
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly logs: boolean;
      readonly stream: boolean;
      readonly detachKeys?: string;
    },
  ): Promise<Attachment>;
  resize(ref: string, size: TerminalSize): Promise<void>;
  /** @throws {Fault} `invalid` when neither stream is asked for; `not-implemented` for a log driver that cannot read back */
  logs(
    ref: string,
    query: Omit<LogQuery, "framing" | "prefix"> & { readonly details: boolean },
    signal: AbortSignal,
  ): AsyncIterable<Buffer>;

  /** Returns the exec's ID. @throws {Fault} `conflict` when the container does not run or is paused */
  createExec(ref: string, config: ExecConfig): Promise<string>;
  /** @throws {Fault} `not-found` "No such exec instance: X"; `conflict` when it ran already. */
  startExec(
    execId: string,
    options: { readonly detach: boolean; readonly tty: boolean; readonly size?: TerminalSize },
  ): Promise<Attachment>;
  getExec(execId: string): ExecRecord;
  /** IDs of the container's execs that have not ended, as `ExecIDs` shows them. */
  openExecs(containerId: string): readonly string[];
  resizeExec(execId: string, size: TerminalSize): Promise<void>;

  /** Host pids of everything in the container, as its cgroup says. @throws {Fault} `conflict` when it does not run */
  processes(ref: string): Promise<readonly number[]>;

  /** @see Docker Engine API v1.51, HEAD /containers/{id}/archive */
  statPath(ref: string, path: string): Promise<PathStat>;
  readArchive(
    ref: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  writeArchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { readonly noOverwriteDirNonDir: boolean; readonly copyUidGid: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  /** The whole root file system as a tar stream. */
  export(ref: string, signal: AbortSignal): Promise<Readable>;
  /** Kind 0 modified, 1 added, 2 deleted. */
  changes(ref: string): Promise<readonly { readonly Path: string; readonly Kind: 0 | 1 | 2 }[]>;
  /**
   * Makes an image of what the container changed, on top of its own. Returns the image's ID.
   *
   * @throws {Fault} `not-found`; `invalid` for a bad reference or change
   */
  commit(ref: string, request: CommitRequest, signal: AbortSignal): Promise<string>;
  /** Bytes of the writable folder. */
  sizeRw(ref: string): Promise<number>;
  /** Where its json-file log is, as `LogPath` shows it. */
  logPath(ref: string): string;
  /** Removes stopped containers that match. */
  prune(
    matches: (record: ContainerRecord) => boolean,
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }>;
}

export interface CommitRequest {
  /** A reference; absent: the image gets no name. */
  readonly reference?: string;
  readonly author?: string;
  readonly comment?: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** What is not to be as the container has it. */
  readonly config: ImageRuntimeConfig;
  /** Whether a running container stands still meanwhile. */
  readonly pause: boolean;
}

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

export interface Attachment {
  /** With a tty the bytes are raw, without one they are framed. */
  readonly isTty: boolean;
  /** Joins a client; settles when the joint is over. For a detached exec: settles when it has started. */
  connect(client: Duplex): Promise<void>;
  /** The client never came: forget the registration. */
  cancel(): void;
}

export interface ExecRecord {
  readonly id: string;
  readonly containerId: string;
  readonly config: ExecConfig;
  readonly isRunning: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
  readonly detachKeys: string;
}
