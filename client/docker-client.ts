import type { CreateBody } from "#api/docker/container.ts";
import { Fault, type FaultKind } from "#base/fault.ts";
import type { Transport, TransportRequest } from "./transport.ts";

/** @see Docker Engine API v1.51, definition ImageSummary; the fields that are used here */
export interface ImageSummary {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  /** Seconds since 1970. */
  readonly Created: number;
  /** Bytes. */
  readonly Size: number;
}

/** @see Docker Engine API v1.51, definition ContainerSummary; the fields that are used here */
export interface ContainerSummary {
  readonly Id: string;
  /** Each with a leading slash. */
  readonly Names: readonly string[];
  readonly Image: string;
  readonly State: string;
}

/** @see Docker Engine API v1.51, GET /version; the fields that are used here */
export interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
  readonly KernelVersion?: string;
}

/** @see Docker Engine API v1.51, GET /info; the fields that are used here */
export interface EngineInfo {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly Images: number;
}

/** @see Docker Engine API v1.51, GET /containers/{id}/json; the fields that are used here */
export interface ContainerDetails {
  readonly Id: string;
  readonly State: { readonly Status: string; readonly Running: boolean; readonly ExitCode: number };
  readonly NetworkSettings: {
    readonly IPAddress?: string;
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    >;
  };
}

/** The part of the Docker Engine API that Gantry's own command line uses. Every call throws a Fault of the answer's kind. */
export interface DockerClient {
  ping(signal: AbortSignal): Promise<void>;
  version(signal: AbortSignal): Promise<EngineVersion>;
  info(signal: AbortSignal): Promise<EngineInfo>;
  listImages(signal: AbortSignal): Promise<readonly ImageSummary[]>;
  /** Loads a Docker archive or OCI layout; resolves to what the engine said, a line each. */
  loadImage(archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<readonly string[]>;
  listContainers(
    options: { readonly all: boolean },
    signal: AbortSignal,
  ): Promise<readonly ContainerSummary[]>;
  createContainer(name: string, body: CreateBody, signal: AbortSignal): Promise<string>;
  inspectContainer(ref: string, signal: AbortSignal): Promise<ContainerDetails>;
  startContainer(ref: string, signal: AbortSignal): Promise<void>;
  /** Asks, and after `timeoutS` (or the container's own) kills. One that does not run is fine. */
  stopContainer(ref: string, options: { readonly timeoutS?: number }, signal: AbortSignal): Promise<void>;
  /** With its anonymous volumes, running or not. */
  removeContainer(ref: string, signal: AbortSignal): Promise<void>;
}

const base = "/v1.44";

export function dockerClient(transport: Transport): DockerClient {
  const text = async (request: TransportRequest, signal: AbortSignal) =>
    await exchange(transport, request, signal);
  const json = async <T>(path: string, signal: AbortSignal) =>
    JSON.parse(await text({ method: "GET", path: base + path }, signal)) as T;
  const post = async (path: string, signal: AbortSignal, body?: TransportRequest["body"]) =>
    await text({ method: "POST", path: base + path, ...(body === undefined ? {} : { body }) }, signal);
  return {
    ping: async (signal) => void (await text({ method: "GET", path: "/_ping" }, signal)),
    version: async (signal) =>
      JSON.parse(await text({ method: "GET", path: "/version" }, signal)) as EngineVersion,
    info: (signal) => json("/info", signal),
    listImages: (signal) => json("/images/json", signal),
    loadImage: async (bytes, signal) =>
      readMessages(await post("/images/load?quiet=1", signal, { type: "application/x-tar", bytes })),
    listContainers: ({ all }, signal) => json(`/containers/json?all=${all ? 1 : 0}`, signal),
    async createContainer(name, body, signal) {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const path = `/containers/create?name=${encodeURIComponent(name)}`;
      const answer = await post(path, signal, { type: "application/json", bytes });
      return (JSON.parse(answer) as { readonly Id: string }).Id;
    },
    inspectContainer: (ref, signal) => json(`/containers/${encodeURIComponent(ref)}/json`, signal),
    startContainer: async (ref, signal) =>
      void (await post(`/containers/${encodeURIComponent(ref)}/start`, signal)),
    stopContainer: async (ref, { timeoutS }, signal) =>
      void (await post(
        `/containers/${encodeURIComponent(ref)}/stop${timeoutS === undefined ? "" : `?t=${timeoutS}`}`,
        signal,
      )),
    async removeContainer(ref, signal) {
      const path = `${base}/containers/${encodeURIComponent(ref)}?force=1&v=1`;
      await text({ method: "DELETE", path }, signal);
    },
  };
}

async function exchange(
  transport: Transport,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<string> {
  const { status, body } = await transport.send(request, signal);
  const text = await readText(body);
  if (status < 400) return text;
  throw new Fault(kindOf(status), messageIn(text) ?? `${request.method} ${request.path}: status ${status}`);
}

/** The lines of a progress stream. @throws {Fault} `internal` with the engine's words when one of them is an error */
function readMessages(text: string): readonly string[] {
  const said: string[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const message = JSON.parse(line) as { readonly stream?: string; readonly error?: string };
    if (message.error !== undefined) throw new Fault("internal", message.error);
    if (message.stream !== undefined) said.push(message.stream.trimEnd());
  }
  return said;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

function messageIn(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { readonly message?: unknown };
    return typeof body.message === "string" ? body.message : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(status: number): FaultKind {
  if (status === 400) return "invalid";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  if (status === 501) return "not-implemented";
  if (status === 503) return "unavailable";
  return "internal";
}
