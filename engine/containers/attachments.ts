import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import { readLog } from "#engine/logs/json-file.ts";
import { logFile } from "#engine/runtime/paths.ts";
import { openAttach } from "#engine/supervise/shim-client.ts";
import type { Attachment, Containers } from "./containers.ts";
import { type ContainerContext, publish } from "./context.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { joinStreams } from "./join-streams.ts";
import type { ContainerRecord } from "./record.ts";

type AttachOptions = Parameters<Containers["attach"]>[1];

interface Pending {
  readonly options: AttachOptions;
  readonly shim: PromiseWithResolvers<Duplex | undefined>;
}

/** Clients that are attached, or will be once their container starts. */
export class Attachments {
  readonly #context: Pick<ContainerContext, "registry" | "tasks" | "events" | "paths">;
  readonly #pending = new Map<string, Set<Pending>>();

  constructor(context: Pick<ContainerContext, "registry" | "tasks" | "events" | "paths">) {
    this.#context = context;
  }

  /** @see Containers.attach */
  async attach(ref: string, options: AttachOptions): Promise<Attachment> {
    const record = this.#context.registry.get(ref);
    if (record.state.status === "paused")
      throw new Fault("conflict", `container ${ref} is paused, unpause the container before attach`);
    if (record.state.status === "restarting")
      throw new Fault("conflict", `container ${ref} is restarting, wait until the container is running`);
    const keys = parseDetachKeys(options.detachKeys ?? "");
    const stdin = options.stdin && record.config.OpenStdin;
    const effective = { ...options, stdin };
    publish(this.#context, record, "attach");
    const { shim, cancel } = await this.#join(record, effective);
    return {
      isTty: record.config.Tty,
      cancel,
      connect: async (client) => {
        client.once("close", cancel);
        if (options.logs) await replay(logFile(this.#context.paths, record.id), record, options, client);
        const stream = options.stream ? await shim : undefined;
        if (stream === undefined) {
          client.end();
          return;
        }
        const how = await joinStreams(client, stream, {
          stdin,
          ...(record.config.Tty ? { detachKeys: keys } : {}),
        });
        if (how === "detached") publish(this.#context, record, "detach");
      },
    };
  }

  async #join(record: ContainerRecord, options: AttachOptions) {
    if (!options.stream) return { shim: Promise.resolve(undefined), cancel: () => {} };
    const task = this.#context.tasks.get(record.id);
    if (task !== undefined) {
      const shim = await openAttach(task.socket, options);
      return { shim: Promise.resolve(shim), cancel: () => void shim.destroy() };
    }
    const pending: Pending = { options, shim: Promise.withResolvers() };
    const all = this.#pending.get(record.id) ?? new Set();
    this.#pending.set(record.id, all.add(pending));
    const cancel = () => {
      if (all.delete(pending)) pending.shim.resolve(undefined);
    };
    return { shim: pending.shim.promise, cancel };
  }

  /** The shim listens and waits: joins everybody before the container's first byte. */
  async connect(id: string, socket: string): Promise<void> {
    const pending = [...(this.#pending.get(id) ?? [])];
    this.#pending.delete(id);
    await Promise.all(
      pending.map(async ({ options, shim }) => {
        shim.resolve(await openAttach(socket, options));
      }),
    );
  }

  /** The container could not be started, or is gone: nobody gets anything. */
  abandon(id: string): void {
    for (const { shim } of this.#pending.get(id) ?? []) shim.resolve(undefined);
    this.#pending.delete(id);
  }
}

async function replay(
  path: string,
  record: ContainerRecord,
  options: AttachOptions,
  client: Duplex,
): Promise<void> {
  const query = {
    stdout: options.stdout,
    stderr: options.stderr,
    timestamps: false,
    follow: false,
    framing: record.config.Tty ? "raw" : "multiplexed",
  } as const;
  for await (const chunk of readLog({ path, ended: Promise.resolve() }, query, new AbortController().signal))
    client.write(chunk);
}
