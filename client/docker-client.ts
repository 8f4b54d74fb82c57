import { type ArchiveCalls, archiveCalls } from "./archive-calls.ts";
import { type ContainerCalls, containerCalls } from "./container-calls.ts";
import { type DockerApi, dockerApi } from "./docker-api.ts";
import { type ImageCalls, imageCalls } from "./image-calls.ts";
import { type SystemCalls, systemCalls } from "./system-calls.ts";
import type { Transport } from "./transport.ts";

/** The Docker Engine API, typed. Every call throws a Fault of the answer's kind with the daemon's words. */
export interface DockerClient extends ContainerCalls, ArchiveCalls, ImageCalls, SystemCalls {
  /** The requests below, for what has no call of its own. */
  readonly api: DockerApi;
}

/** @param version a version of the API to insist on; without it the newest that both sides know is used */
export function dockerClient(transport: Transport, version?: string): DockerClient {
  const api = dockerApi(transport, version);
  return { api, ...containerCalls(api), ...archiveCalls(api), ...imageCalls(api), ...systemCalls(api) };
}
