import type {
  Condition,
  ISO,
  Result,
  TaskTagStatus,
  VirDomain,
  VirDomainActionType,
  VirDomainBlockDevice,
  VirDomainNetDevice,
  VirDomainSnapshot,
  VSD,
} from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { sleep, type Timers } from "#base/timers.ts";
import { encodeQuery, faultKindOf } from "../docker-api.ts";
import { readText } from "../streams.ts";
import type { Transport, TransportRequest } from "../transport.ts";

/** Collections that there are calls for, with what they are of. */
export interface Collections {
  readonly Condition: Condition;
  readonly ISO: ISO;
  readonly VirDomain: VirDomain;
  readonly VirDomainSnapshot: VirDomainSnapshot;
  readonly VirtualDisk: VSD;
}

/** What a machine is to be; what is absent is the server's choice. */
export type NewVirDomain = Partial<Omit<VirDomain, "blockDevs" | "netDevs">> & {
  readonly blockDevs?: readonly Partial<VirDomainBlockDevice>[];
  readonly netDevs?: readonly Partial<VirDomainNetDevice>[];
};

type Method = TransportRequest["method"];
type Body = NonNullable<TransportRequest["body"]>;

const firstLookMs = 10;
const slowestLookMs = 500;

/**
 * The HyperCore REST API, typed. What changes something resolves when its task has ended, to the uuid of what was made. Every call
 * throws a Fault of the answer's kind with the server's words; a task that ended in ERROR is `conflict`.
 */
export class HypercoreClient {
  readonly #transport: Transport;
  readonly #timers: Timers;

  constructor(transport: Transport, timers: Timers) {
    this.#transport = transport;
    this.#timers = timers;
  }

  async list<K extends keyof Collections>(kind: K, signal: AbortSignal): Promise<readonly Collections[K][]> {
    return await this.#json("GET", `/${kind}`, undefined, signal);
  }

  async find<K extends keyof Collections>(
    kind: K,
    uuid: string,
    signal: AbortSignal,
  ): Promise<Collections[K] | undefined> {
    const found = await this.#json<readonly Collections[K][]>("GET", `/${kind}/${uuid}`, undefined, signal);
    return found[0];
  }

  /** @param machineTypeKeyword `bios`, `uefi`, `tpm` or `tpm-compatible` */
  async createMachine(dom: NewVirDomain, machineTypeKeyword: string, signal: AbortSignal): Promise<string> {
    return await this.#change("POST", "/VirDomain", json({ dom, options: { machineTypeKeyword } }), signal);
  }

  /** Of a machine as it is, or as it was at a snapshot. */
  async cloneMachine(
    uuid: string,
    given: { readonly snapUUID?: string; readonly template: NewVirDomain },
    signal: AbortSignal,
  ): Promise<string> {
    return await this.#change("POST", `/VirDomain/${uuid}/clone`, json(given), signal);
  }

  /** What is absent stays as it is. */
  async update(
    kind: "VirDomain" | "VirDomainBlockDevice",
    uuid: string,
    change: Partial<VirDomain> | Partial<VirDomainBlockDevice>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#change("PATCH", `/${kind}/${uuid}`, json(change), signal);
  }

  /** SHUTDOWN only asks the guest: it resolves before the machine is off. */
  async act(virDomainUUID: string, actionType: VirDomainActionType, signal: AbortSignal): Promise<void> {
    await this.#change("POST", "/VirDomain/action", json([{ virDomainUUID, actionType }]), signal);
  }

  async createSnapshot(domainUUID: string, label: string, signal: AbortSignal): Promise<string> {
    return await this.#change(
      "POST",
      "/VirDomainSnapshot",
      json({ domainUUID, label, type: "USER" }),
      signal,
    );
  }

  async remove(
    kind: "VirDomain" | "VirDomainSnapshot" | "VirtualDisk" | "ISO",
    uuid: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#change("DELETE", `/${kind}/${uuid}`, undefined, signal);
  }

  /** @param name tells by its ending in what format the bytes are */
  async uploadDisk(
    name: string,
    length: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<string> {
    const path = `/VirtualDisk/upload${encodeQuery({ filename: name, filesize: length })}`;
    return await this.#change("PUT", path, octets(bytes, length), signal);
  }

  /** Can be inserted once all bytes are there; nothing of it is left when they are not. */
  async uploadIso(
    name: string,
    length: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<string> {
    const iso = { name, size: length, readyForInsert: false };
    const uuid = await this.#change("POST", "/ISO", json(iso), signal);
    try {
      await this.#json("PUT", `/ISO/${uuid}/data`, octets(bytes, length), signal);
      await this.#change("PATCH", `/ISO/${uuid}`, json({ readyForInsert: true }), signal);
      return uuid;
    } catch (error) {
      await this.remove("ISO", uuid, AbortSignal.timeout(5000)).catch(() => {});
      throw error;
    }
  }

  async #change(method: Method, path: string, body: Body | undefined, signal: AbortSignal): Promise<string> {
    const { taskTag, createdUUID } = await this.#json<Result>(method, path, body, signal);
    await this.#finished(taskTag, signal);
    return createdUUID;
  }

  async #finished(taskTag: string, signal: AbortSignal): Promise<void> {
    let lookMs = firstLookMs;
    while (taskTag !== "") {
      const [task] = await this.#json<readonly TaskTagStatus[]>(
        "GET",
        `/TaskTag/${taskTag}`,
        undefined,
        signal,
      );
      if (task?.state === "ERROR" || task?.state === "UNINITIALIZED")
        throw new Fault("conflict", filled(task.formattedMessage, task.messageParameters));
      if (task?.state !== "QUEUED" && task?.state !== "RUNNING") return;
      await sleep(this.#timers, lookMs, signal);
      lookMs = Math.min(slowestLookMs, lookMs * 1.5);
    }
  }

  async #json<T>(method: Method, path: string, body: Body | undefined, signal: AbortSignal): Promise<T> {
    const request = { method, path: `/rest/v1${path}`, ...(body !== undefined && { body }) };
    const { status, body: answer } = await this.#transport.send(request, signal);
    const text = await readText(answer);
    if (status >= 400)
      throw new Fault(faultKindOf(status), wordsIn(text) ?? `${method} ${path}: status ${status}`);
    return JSON.parse(text) as T;
  }
}

/** A message with its parameters in the places that `%@` keeps for them. */
function filled(message: string, parameters: readonly string[]): string {
  let at = 0;
  return message.replaceAll("%@", () => parameters[at++] ?? "");
}

function json(value: unknown): Body {
  return { type: "application/json", bytes: new TextEncoder().encode(JSON.stringify(value)) };
}

function octets(bytes: AsyncIterable<Uint8Array>, length: number): Body {
  return { type: "application/octet-stream", bytes, length };
}

function wordsIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
