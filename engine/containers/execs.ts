import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex, Transform } from "node:stream";
import type { ExecConfig } from "#api/docker/container.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { Task } from "#engine/runtime/launcher.ts";
import { explainStartFailure } from "#engine/runtime/runtime-errors.ts";
import { outputFrame, streamNumber } from "#engine/supervise/output-frames.ts";
import { openExec } from "#engine/supervise/shim-client.ts";
import type { Attachment, ExecRecord, TerminalSize } from "./containers.ts";
import { type ContainerContext, publish } from "./context.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { joinStreams } from "./join-streams.ts";
import { linkedConfig } from "./links.ts";
import type { ContainerRecord } from "./record.ts";
import { checkSideDoors } from "./policy.ts";
import { StdoutFrames, StdoutOnly } from "./reframe.ts";
import { endsWithin } from "./task-end.ts";

/** Ended execs that can still be inspected; the oldest go first. */
const keptExecs = 1000;

/** How long a resize waits for the process that it is for. */
const startTimeoutMs = 10_000;

/** Of a process whose end nobody told. */
const killedExitCode = 137;

interface RunOptions {
  readonly detach: boolean;
  readonly tty: boolean;
  readonly size?: TerminalSize;
  /** Given: the process is killed when it aborts, or when the daemon ends. */
  readonly endsWith?: AbortSignal;
}

interface Exec {
  record: ExecRecord;
  isStarted: boolean;
  /** Resolved when the process runs, or will not. */
  readonly ready: PromiseWithResolvers<void>;
}

/** Processes that clients run in containers. They live in the shim and go on without the daemon; their records do not. */
export class Execs {
  readonly #context: ContainerContext;
  readonly #byId = new Map<string, Exec>();

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  /** As {@link Execs.create}, for a client. @throws {Fault} `invalid` also for a user who is not there */
  async createFor(ref: string, config: ExecConfig): Promise<string> {
    const { id, hostConfig, name } = this.#running(ref);
    if (config.Privileged) checkSideDoors(this.#context, ["exec --privileged"], { container: name });
    if (config.User) await this.#context.launcher.userOf(id, config.User, hostConfig);
    return this.create(ref, config);
  }

  create(ref: string, config: ExecConfig): string {
    const container = this.#running(ref);
    if ((config.Cmd ?? []).length === 0) throw new Fault("invalid", "No exec command specified");
    const detachKeys = config.DetachKeys ?? "";
    parseDetachKeys(detachKeys);
    const id = randomBytes(32).toString("hex");
    this.#byId.set(id, {
      isStarted: false,
      ready: Promise.withResolvers(),
      record: { id, containerId: container.id, config, isRunning: false, exitCode: null, pid: 0, detachKeys },
    });
    this.#forgetOldest();
    publish(this.#context, container, `exec_create: ${commandOf(config)}`, { execID: id });
    return id;
  }

  get(id: string): ExecRecord {
    return this.#get(id).record;
  }

  /** Those of the container that have not ended, oldest first. */
  openIn(containerId: string): readonly string[] {
    return [...this.#byId.values()]
      .filter(({ record }) => record.containerId === containerId && record.exitCode === null)
      .map(({ record }) => record.id);
  }

  start(
    id: string,
    options: { readonly detach: boolean; readonly tty: boolean; readonly size?: TerminalSize },
  ): Attachment {
    const exec = this.#get(id);
    if (exec.isStarted)
      throw new Fault(
        "conflict",
        exec.record.exitCode === null
          ? `exec command ${id} is already running`
          : `exec command ${id} has already run`,
      );
    const container = this.#running(exec.record.containerId);
    exec.isStarted = true;
    return {
      isTty: options.tty,
      cancel: () => {
        exec.isStarted = false;
      },
      connect: async (client) => {
        try {
          await this.#run(exec, container, client, options);
        } catch (error) {
          if (options.detach) throw error;
          // The client has its stream already: that is where it looks for the reason.
          client.end(complaint(messageOf(error), options.tty));
        }
      },
    };
  }

  /**
   * Runs a program as the container's own user until it ends or the signal aborts, which kills it; so does the end of the daemon.
   * Resolves with its exit code. It has the events of an exec, but is no exec that a client could look at.
   *
   * @throws {Fault} with Docker's texts when it cannot be run
   */
  async probe(
    containerId: string,
    args: readonly string[],
    client: Duplex,
    signal: AbortSignal,
  ): Promise<number> {
    return this.run(containerId, { Cmd: args, AttachStdout: true, AttachStderr: true }, client, signal);
  }

  /**
   * The same for any command, with the client joined to its streams. `sizes` are those of its terminal.
   *
   * @throws {Fault} with Docker's texts when it cannot be run
   */
  async run(
    containerId: string,
    config: ExecConfig,
    client: Duplex,
    signal: AbortSignal,
    sizes?: AsyncIterable<TerminalSize>,
  ): Promise<number> {
    const id = this.create(containerId, config);
    const exec = this.#get(id);
    exec.isStarted = true;
    try {
      if (sizes !== undefined) void this.#follow(id, sizes);
      const tty = config.Tty ?? false;
      await this.#run(exec, this.#running(containerId), client, { detach: false, tty, endsWith: signal });
    } finally {
      this.#byId.delete(id);
    }
    return exec.record.exitCode ?? killedExitCode;
  }

  /** Until the process is over, or nobody changes its terminal any more. */
  async #follow(id: string, sizes: AsyncIterable<TerminalSize>): Promise<void> {
    try {
      for await (const size of sizes) await this.resize(id, size);
    } catch (error) {
      if (!isFault(error)) this.#context.log.debug("terminal was not resized", { exec: id, error });
    }
  }

  /** Waits for the process to start: clients resize as soon as they have their stream. */
  async resize(id: string, size: TerminalSize): Promise<void> {
    const exec = this.#get(id);
    if (exec.record.exitCode === null && !(await endsWithin(exec.ready.promise, startTimeoutMs)))
      throw new Fault("internal", "timeout waiting for exec session ready");
    const { record } = exec;
    const task = this.#context.tasks.get(record.containerId);
    if (task === undefined || !record.isRunning) throw new Fault("not-found", `No such exec instance: ${id}`);
    task.control.resizeExec(id, size.height, size.width);
  }

  async #run(
    exec: Exec,
    container: ContainerRecord,
    client: Duplex,
    { detach, tty, size, endsWith }: RunOptions,
  ): Promise<void> {
    const { id, config, detachKeys } = exec.record;
    const task = this.#task(container);
    const exit = task.control.execExit(id);
    const streams = {
      stdin: !detach && (config.AttachStdin ?? false),
      stdout: !detach && (config.AttachStdout ?? false),
      stderr: !detach && (config.AttachStderr ?? false),
    };
    const opened = await this.#open(exec, container, task, streams, {
      size,
      isBound: endsWith !== undefined,
    });
    using _ending = onAbort(endsWith, () => opened.socket.destroy());
    exec.record = { ...exec.record, isRunning: true, pid: opened.pid };
    exec.ready.resolve();
    publish(this.#context, container, `exec_start: ${commandOf(config)}`, { execID: id });
    const ended = exit.then((code) => this.#ended(exec, container, code ?? killedExitCode));
    if (detach) {
      opened.socket.destroy();
      return;
    }
    const how = await joinStreams(client, opened.socket, {
      stdin: streams.stdin,
      ended,
      ...(config.Tty ? { detachKeys: parseDetachKeys(detachKeys) } : {}),
      ...formOf(config.Tty ?? false, tty),
    });
    if (how === "detached") publish(this.#context, container, "exec_detach", { execID: id });
  }

  async #open(
    exec: Exec,
    container: ContainerRecord,
    task: Task,
    streams: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
    { size, isBound }: { readonly size: TerminalSize | undefined; readonly isBound: boolean },
  ) {
    const { id, config } = exec.record;
    const { launcher } = this.#context;
    const processFile = `exec-${id.slice(0, 20)}.json`;
    const path = join(task.bundle, processFile);
    try {
      const { planExec } = await import("#engine/runtime/exec-spec.ts");
      const user = await launcher.userOf(
        container.id,
        config.User || container.config.User,
        container.hostConfig,
      );
      const spec = planExec(
        task.process,
        linkedConfig(this.#context.registry, container),
        container.hostConfig,
        config,
        user,
        launcher.host,
      );
      const process = config.Tty && size !== undefined ? { ...spec, consoleSize: size } : spec;
      writeFileSync(path, JSON.stringify(process), { mode: 0o600 });
      return await openExec(task.socket, { id, tty: config.Tty ?? false, ...streams, processFile, isBound });
    } catch (error) {
      throw this.#failed(exec, container, error);
    } finally {
      rmSync(path, { force: true });
    }
  }

  #failed(exec: Exec, container: ContainerRecord, error: unknown): Fault {
    exec.ready.resolve();
    const failure = explainStartFailure(messageOf(error), exec.record.config.Cmd ?? [], "exec");
    exec.record = { ...exec.record, exitCode: failure.exitCode === 128 ? 126 : failure.exitCode };
    publish(this.#context, container, "exec_die", {
      execID: exec.record.id,
      exitCode: String(exec.record.exitCode),
    });
    // A user who is not there never came to the runtime.
    if (isFault(error, "invalid")) return error;
    return new Fault(failure.isClients ? "invalid" : "internal", failure.message);
  }

  #ended(exec: Exec, container: ContainerRecord, exitCode: number): void {
    exec.record = { ...exec.record, isRunning: false, exitCode };
    publish(this.#context, container, "exec_die", { execID: exec.record.id, exitCode: String(exitCode) });
  }

  #get(id: string): Exec {
    const exec = this.#byId.get(id);
    if (exec === undefined) throw new Fault("not-found", `No such exec instance: ${id}`);
    return exec;
  }

  #running(ref: string): ContainerRecord {
    const container = this.#context.registry.get(ref);
    if (container.state.status === "paused")
      throw new Fault("conflict", `Container ${ref} is paused, unpause the container before exec`);
    if (container.state.status === "restarting")
      throw new Fault(
        "conflict",
        `Container ${container.id} is restarting, wait until the container is running`,
      );
    if (container.state.status !== "running")
      throw new Fault("conflict", `container ${container.id} is not running`);
    return container;
  }

  #task(container: ContainerRecord): Task {
    const task = this.#context.tasks.get(container.id);
    if (task === undefined) throw new Fault("conflict", `container ${container.id} is not running`);
    return task;
  }

  #forgetOldest(): void {
    if (this.#byId.size <= keptExecs) return;
    for (const [id, { record, isStarted }] of this.#byId) {
      if (isStarted && record.isRunning) continue;
      this.#byId.delete(id);
      return;
    }
  }
}

/** The process has a terminal as its creator said; the stream has the form that whoever starts it says. */
function formOf(hasTerminal: boolean, isRaw: boolean): { readonly output?: Transform } {
  if (hasTerminal === isRaw) return {};
  return { output: isRaw ? new StdoutOnly() : new StdoutFrames() };
}

function onAbort(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted === true) act();
  signal?.addEventListener("abort", act, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", act) };
}

/** Text as output of the process, in a stdout frame unless there is a terminal. */
function complaint(message: string, isTty: boolean): Buffer {
  const text = Buffer.from(`${message}\r\n`);
  return isTty ? text : outputFrame(streamNumber.stdout, text);
}

/** Program, blank, arguments: Docker leaves the blank there when there are none. */
function commandOf(config: ExecConfig): string {
  const [program = "", ...args] = config.Cmd ?? [];
  return `${program} ${args.join(" ")}`;
}
