import { demultiplex, rawOutput } from "#client/streams.ts";
import { LogPrinter, shortName } from "../engine/log-printer.ts";
import type { Progress } from "../progress/progress.ts";
import type { Session } from "../session.ts";
import { containersOf, observe, type Observed } from "./observe.ts";
import { startProject } from "./start.ts";
import { stopContainer } from "./stop.ts";
import { inDependencyOrder } from "./graph.ts";

export interface AttachedOptions {
  /** Services whose output is shown. */
  readonly attach: ReadonlySet<string>;
  readonly start?: readonly string[];
  readonly hasColour: boolean;
  readonly hasPrefix: boolean;
  readonly hasTimestamps: boolean;
  readonly abortOn: "exit" | "failure" | undefined;
  readonly exitCodeFrom: string | undefined;
  readonly timeoutS: number | undefined;
}

/**
 * Starts the project with its output on the terminal and resolves to the exit code when all containers have ended, or one of
 * them with `abortOn`. The first Ctrl-C stops them, a second one kills them.
 */
export async function runAttached(session: Session, options: AttachedOptions): Promise<number> {
  const { context, project } = session;
  const printer = new LogPrinter({
    out: context.out,
    err: context.err,
    hasColour: options.hasColour,
    hasPrefix: options.hasPrefix,
    ...(options.hasTimestamps ? { now: context.now } : {}),
  });
  const all = (await observe(session, project.name)).filter(
    ({ service, isOneoff }) => !isOneoff && project.services.has(service),
  );
  const shown = all.filter(({ service }) => options.attach.has(service));
  if (shown.length > 0)
    printer.status(
      `Attaching to ${shown
        .map(({ name }) => shortName(name, project.name))
        .sort()
        .join(", ")}`,
    );
  for (const { name } of shown) printer.register(shortName(name, project.name));
  const run = new AttachedRun(session, options, printer, all);
  return await run.untilEnd(shown);
}

/** Output has the terminal from here on: the steps of the start are not shown. */
const silent: Progress = { event: () => {}, [Symbol.dispose]: () => {} };

class AttachedRun {
  readonly #session: Session;
  readonly #options: AttachedOptions;
  readonly #printer: LogPrinter;
  readonly #all: readonly Observed[];
  readonly #ended = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  #interrupts = 0;
  #exitCode = 0;
  #isAborting = false;
  #live: number;

  constructor(session: Session, options: AttachedOptions, printer: LogPrinter, all: readonly Observed[]) {
    this.#options = options;
    this.#printer = printer;
    this.#all = all;
    this.#live = all.length;
    this.#session = { ...session, signal: this.#over.signal };
  }

  async untilEnd(shown: readonly Observed[]): Promise<number> {
    const { context } = this.#session;
    context.takeSignals();
    const onSignal = () => void this.#interrupt();
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    try {
      const attached = await Promise.all(shown.map((container) => this.#attach(container)));
      const waits = this.#all.map((container) => this.#watch(container));
      const { start } = this.#options;
      await startProject(
        { ...this.#session, progress: silent },
        start === undefined ? {} : { services: start },
      );
      await this.#ended.promise;
      await Promise.all([...waits, ...attached.map(({ printed }) => printed)]);
      return this.#interrupts > 0 && this.#exitCode === 0 ? 130 : this.#exitCode;
    } finally {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      this.#over.abort();
    }
  }

  async #attach(container: Observed): Promise<{ readonly printed: Promise<void> }> {
    const { client, project, signal } = this.#session;
    const { Config } = await client.inspectContainer(container.id, signal);
    const connection = await client.attachContainer(container.id, { stdout: true, stderr: true }, signal);
    const pieces = Config.Tty ? rawOutput(connection.incoming) : demultiplex(connection.incoming);
    return { printed: this.#printer.print(shortName(container.name, project.name), pieces).catch(() => {}) };
  }

  /** Follows a container until it is over for good: it may be restarted by its policy. */
  async #watch(container: Observed): Promise<void> {
    const { client, project, signal } = this.#session;
    const name = shortName(container.name, project.name);
    try {
      for (;;) {
        const condition = container.state === "running" ? "not-running" : "next-exit";
        const { ended } = await client.waitContainer(container.id, condition, signal);
        const { StatusCode } = await ended;
        const { State } = await client.inspectContainer(container.id, signal);
        if (State.Restarting || State.Running) {
          this.#printer.status(`${name} exited with code ${StatusCode} (restarting)`);
          continue;
        }
        if (this.#options.attach.has(container.service))
          this.#printer.status(`${name} exited with code ${StatusCode}`);
        this.#onExit(container, StatusCode);
        return;
      }
    } catch {
      this.#onExit(container, 0);
    }
  }

  #onExit({ service }: Observed, code: number): void {
    const { abortOn, exitCodeFrom } = this.#options;
    if (exitCodeFrom === service) this.#exitCode = code;
    else if (exitCodeFrom === undefined && !this.#isAborting && abortOn !== undefined && code !== 0)
      this.#exitCode = code;
    if (--this.#live === 0) this.#ended.resolve();
    const isFatal =
      exitCodeFrom === undefined
        ? abortOn === "exit" || (abortOn === "failure" && code !== 0)
        : exitCodeFrom === service || abortOn === "exit";
    if (!isFatal || this.#isAborting || this.#interrupts > 0) return;
    this.#isAborting = true;
    this.#printer.status("Aborting on container exit...");
    void this.#stopAll().finally(() => this.#ended.resolve());
  }

  async #interrupt(): Promise<void> {
    this.#interrupts++;
    if (this.#interrupts === 1) {
      this.#printer.status("Gracefully Stopping... press Ctrl+C again to force");
      await this.#stopAll();
    } else if (this.#interrupts === 2) {
      const { client, project, signal } = this.#session;
      const running = (await observe(this.#session, project.name)).filter(({ state }) => state === "running");
      await Promise.all(running.map(({ id }) => client.killContainer(id, "SIGKILL", signal).catch(() => {})));
    }
    this.#ended.resolve();
  }

  async #stopAll(): Promise<void> {
    const { project } = this.#session;
    const now = await observe(this.#session, project.name);
    await inDependencyOrder(
      project.services,
      async (name) => {
        await Promise.all(
          containersOf(now, name).map((one) =>
            stopContainer(this.#session, one, { timeoutS: this.#options.timeoutS }).catch(() => {}),
          ),
        );
      },
      { reverse: true },
    );
  }
}
