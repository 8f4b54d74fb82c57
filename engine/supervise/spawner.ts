import { type ChildProcess, spawn } from "node:child_process";
import { Fault } from "#base/fault.ts";
import type { IdRange } from "#base/id-range.ts";
import type { Log } from "#base/log.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import type { Handle, InterfaceRequest, KernelHelper, NetnsRef } from "./kernel-helper.ts";

/** What a shim gets at its start. */
export interface ShimHandle {
  readonly name: "netns" | "userns" | "hold";
  readonly handle: Handle;
}

interface Waiting {
  readonly resolve: (fields: readonly string[]) => void;
  readonly reject: (error: Fault) => void;
}

interface Child {
  readonly process: ChildProcess;
  /** Handle → its descriptor. A handle is never given twice: one that a shim took, or of a dead spawner, means nothing any more. */
  readonly held: Map<Handle, string>;
  readonly waiting: Map<string, Waiting>;
}

/**
 * The daemon's end of the native spawner. Answers come in the order of the requests. When the spawner dies, everything it
 * held is gone: pending requests fail as `unavailable`, and the next request starts another one.
 */
export class Spawner implements KernelHelper, AsyncDisposable {
  readonly #binary: string;
  readonly #args: readonly string[];
  readonly #log: Log;
  #child: Child | undefined;
  #lastHandle = 0;
  #serial = 0;
  #isClosed = false;

  /**
   * @param runtime path of the OCI runtime that shims are to use
   * @param folder the engine's: it has one spawner at a time
   */
  constructor(
    binary: string,
    { runtime, folder }: { readonly runtime: string; readonly folder: string },
    log: Log,
  ) {
    this.#binary = binary;
    this.#args = ["spawner", runtime, folder];
    this.#log = log;
    this.#child = this.#start();
  }

  /** Resolves once the spawner of a killed engine, which may have been in the middle of a change, is gone. */
  async alone(): Promise<void> {
    await this.#request("alone", []);
  }

  /** A user namespace in which IDs of the host's are 0, 1, … */
  async createUserNamespace({ base, size }: IdRange): Promise<Handle> {
    const [fd] = await this.#request("userns", [String(base), String(size)]);
    return this.#hold(fd);
  }

  async createSandbox(request: InterfaceRequest | undefined, owner?: Handle | string): Promise<Handle> {
    const fields = request === undefined ? [] : fieldsOf(request);
    const [fd] = await (owner === undefined
      ? this.#request("sandbox", fields)
      : this.#request("sandbox-of", [this.#nameOf(owner), ...fields]));
    return this.#hold(fd);
  }

  async attachInterface(netns: NetnsRef, request: InterfaceRequest): Promise<void> {
    await this.#request("attach", [this.#nameOf(netns), ...fieldsOf(request)]);
  }

  async detachInterface(netns: NetnsRef, name: string): Promise<void> {
    await this.#request("detach", [this.#nameOf(netns), name]);
  }

  async setDefaultRoutes(netns: NetnsRef, gateway: string, gateway6: string): Promise<void> {
    await this.#request("route", [this.#nameOf(netns), gateway, gateway6]);
  }

  async setSetting(netns: NetnsRef, key: string, value: string): Promise<void> {
    await this.#request("setting", [this.#nameOf(netns), key, value]);
  }

  async addAddress(netns: NetnsRef, name: string, address: string, prefix: number): Promise<void> {
    await this.#request("address", [this.#nameOf(netns), name, address, String(prefix)]);
  }

  async forgetFlows(flows: { readonly address: string } | { readonly port: number }): Promise<void> {
    const fields = "address" in flows ? [flows.address, "0"] : ["", String(flows.port)];
    await this.#request("forget", fields);
  }

  async bindPort(port: {
    readonly protocol: string;
    readonly address: string;
    readonly port: number;
  }): Promise<{
    readonly handle: Handle;
    readonly port: number;
  }> {
    const [fd, bound] = await this.#request("bind", [port.protocol, port.address, String(port.port)]);
    return { handle: this.#hold(fd), port: Number(bound) };
  }

  async release(handle: Handle): Promise<void> {
    const descriptor = this.#take(handle);
    if (descriptor !== undefined) await this.#request("close", [descriptor]);
  }

  isHeld(handle: Handle): boolean {
    return this.#child?.held.has(handle) ?? false;
  }

  pathOf(handle: Handle): string {
    return `/proc/${this.#child?.process.pid}/fd/${this.#child?.held.get(handle)}`;
  }

  /**
   * Starts a shim that listens on the socket from the moment this resolves. The handles become the shim's; their names say what
   * they are to it, `netns`, `userns` or `hold`.
   *
   * @throws {Fault} `unavailable` when a handle went with an earlier spawner
   */
  startShim(socket: string, given: readonly ShimHandle[], args: readonly string[]): Promise<number> {
    return this.#startOn("shim", socket, given, args);
  }

  /** The same for the process that holds a pod's namespaces. */
  startPod(socket: string, given: readonly ShimHandle[], args: readonly string[]): Promise<number> {
    return this.#startOn("pod", socket, given, args);
  }

  async #startOn(
    role: "shim" | "pod",
    socket: string,
    given: readonly ShimHandle[],
    args: readonly string[],
  ): Promise<number> {
    if (!given.every(({ handle }) => this.isHeld(handle))) throw lost();
    const handles = given.map(({ handle }) => this.#take(handle) ?? "");
    const named = given.map(({ name }, index) => `${name}=${handles[index]}`);
    const [pid] = await this.#request(role, [socket, String(handles.length), ...handles, ...args, ...named]);
    return Number(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const child = this.#child?.process;
    if (child === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once("exit", () => resolve());
    child.stdin?.end();
    await promise;
  }

  #hold(descriptor: string | undefined): Handle {
    const handle = ++this.#lastHandle as Handle;
    if (descriptor !== undefined) this.#child?.held.set(handle, descriptor);
    return handle;
  }

  /** @throws {Fault} `unavailable` for a handle that went with an earlier spawner */
  #nameOf(netns: NetnsRef): string {
    const name = typeof netns === "string" ? netns : this.#child?.held.get(netns);
    if (name === undefined) throw lost();
    return name;
  }

  #take(handle: Handle): string | undefined {
    const descriptor = this.#child?.held.get(handle);
    this.#child?.held.delete(handle);
    return descriptor;
  }

  #request(op: string, fields: readonly string[]): Promise<readonly string[]> {
    if (this.#isClosed) return Promise.reject(lost());
    const reason = unsendable(fields);
    if (reason !== undefined) return Promise.reject(new Fault("invalid", `${op}: ${reason}`));
    this.#child ??= this.#start();
    const seq = String(++this.#serial);
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    this.#child.waiting.set(seq, { resolve, reject });
    this.#child.process.stdin?.write(encodeFrame([seq, op, ...fields]));
    return promise;
  }

  #start(): Child {
    const process = spawn(this.#binary, this.#args, { stdio: ["pipe", "pipe", "inherit"] });
    const child: Child = { process, held: new Map(), waiting: new Map() };
    const reader = new FrameReader();
    process.stdout?.on("data", (bytes: Buffer) => {
      for (const frame of reader.push(bytes)) answer(child, frame);
    });
    process.stdin?.on("error", () => {}); // it is dead: its exit says so
    const end = () => {
      if (this.#child === child) this.#child = undefined;
      for (const { reject } of child.waiting.values()) reject(lost());
      child.waiting.clear();
    };
    process.on("exit", (code, signal) => {
      if (!this.#isClosed) this.#log.error("spawner died", { code, signal });
      end();
    });
    process.on("error", (error) => {
      this.#log.error("spawner cannot be started", { error });
      end();
    });
    return child;
  }
}

/** As native/wire.h has them, with room for what goes along. */
const [maxFields, maxBytes] = [1000, 250_000];

/** A NUL would end a field, and what is too long the spawner. */
function unsendable(fields: readonly string[]): string | undefined {
  if (fields.length > maxFields) return "too many arguments";
  let bytes = 0;
  for (const field of fields) {
    if (field.includes("\0")) return "an argument has a NUL in it";
    bytes += Buffer.byteLength(field) + 1;
  }
  return bytes > maxBytes ? "arguments are too long" : undefined;
}

function fieldsOf(request: InterfaceRequest): readonly string[] {
  const { kind, master, hostName, name, mac, mtu } = request;
  const { address, prefixLength, gateway, address6, prefixLength6, gateway6 } = request;
  return [
    kind,
    master,
    hostName,
    name,
    mac,
    String(mtu),
    address,
    String(prefixLength),
    gateway,
    address6,
    String(prefixLength6),
    gateway6,
  ];
}

function lost(): Fault {
  return new Fault("unavailable", "the spawner was lost; try again");
}

function answer(child: Child, [seq = "", status, ...fields]: readonly string[]): void {
  const waiting = child.waiting.get(seq);
  child.waiting.delete(seq);
  if (status === "ok") waiting?.resolve(fields);
  else
    waiting?.reject(
      new Fault("exhausted", `${fields[1]}: ${reasonOf(Number(fields[0]))}`, {
        detail: { errno: Number(fields[0]) },
      }),
    );
}

const reasons: Readonly<Record<number, string>> = {
  12: "cannot allocate memory",
  13: "permission denied",
  17: "file exists",
  22: "invalid argument",
  24: "too many open files",
  28: "no space left on device",
  2: "no such file or directory",
  34: "numerical result out of range",
  36: "file name too long",
  93: "protocol not supported",
  97: "address family not supported by protocol",
  98: "address already in use",
  99: "cannot assign requested address",
};

function reasonOf(errno: number): string {
  return reasons[errno] ?? `errno ${errno}`;
}
