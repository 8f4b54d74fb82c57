import { type DockerApi, encodeFilters, type Filters } from "./docker-api.ts";
import type {
  DiskUsage,
  EngineEvent,
  EngineInfo,
  EngineVersion,
  NetworkSummary,
  PruneReport,
  VolumeSummary,
} from "./docker-types.ts";
import type { RegistryAuth } from "./image-calls.ts";
import { jsonLines } from "./streams.ts";

/** What the daemon itself, its networks and its volumes can be asked. */
export interface SystemCalls {
  ping(signal: AbortSignal): Promise<void>;
  version(signal: AbortSignal): Promise<EngineVersion>;
  info(signal: AbortSignal): Promise<EngineInfo>;
  diskUsage(signal: AbortSignal): Promise<DiskUsage>;
  events(
    options: {
      readonly since?: string | undefined;
      readonly until?: string | undefined;
      readonly filters?: Filters;
    },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent>;
  checkAuth(
    auth: RegistryAuth,
    signal: AbortSignal,
  ): Promise<{ readonly Status: string; readonly IdentityToken?: string }>;
  listPlugins(filters: Filters, signal: AbortSignal): Promise<readonly object[]>;

  listNetworks(filters: Filters, signal: AbortSignal): Promise<readonly NetworkSummary[]>;
  inspectNetwork(name: string, signal: AbortSignal): Promise<NetworkSummary>;
  createNetwork(
    body: object,
    signal: AbortSignal,
  ): Promise<{ readonly Id: string; readonly Warning: string }>;
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;
  connectNetwork(name: string, container: string, endpoint: object, signal: AbortSignal): Promise<void>;
  disconnectNetwork(name: string, container: string, force: boolean, signal: AbortSignal): Promise<void>;
  pruneNetworks(filters: Filters, signal: AbortSignal): Promise<PruneReport>;

  listVolumes(
    filters: Filters,
    signal: AbortSignal,
  ): Promise<{
    readonly Volumes: readonly VolumeSummary[] | null;
    readonly Warnings: readonly string[] | null;
  }>;
  inspectVolume(name: string, signal: AbortSignal): Promise<VolumeSummary>;
  createVolume(body: object, signal: AbortSignal): Promise<VolumeSummary>;
  removeVolume(name: string, force: boolean, signal: AbortSignal): Promise<void>;
  pruneVolumes(filters: Filters, signal: AbortSignal): Promise<PruneReport>;
}

export function systemCalls(api: DockerApi): SystemCalls {
  const network = (name: string) => `/networks/${encodeURIComponent(name)}`;
  const volume = (name: string) => `/volumes/${encodeURIComponent(name)}`;
  return {
    ping: async (signal) => void (await api.ping(signal)),
    version: (signal) => api.json("GET", "/version", {}, signal),
    info: (signal) => api.json("GET", "/info", {}, signal),
    diskUsage: (signal) => api.json("GET", "/system/df", {}, signal),
    async *events({ since, until, filters }, signal) {
      const query = { since, until, filters: encodeFilters(filters) };
      const { body } = await api.stream("GET", "/events", { query }, signal);
      yield* jsonLines<EngineEvent>(body);
    },
    checkAuth: (json, signal) => api.json("POST", "/auth", { json }, signal),
    listPlugins: (filters, signal) =>
      api.json("GET", "/plugins", { query: { filters: encodeFilters(filters) } }, signal),
    listNetworks: (filters, signal) =>
      api.json("GET", "/networks", { query: { filters: encodeFilters(filters) } }, signal),
    inspectNetwork: (name, signal) => api.json("GET", network(name), {}, signal),
    createNetwork: (json, signal) => api.json("POST", "/networks/create", { json }, signal),
    removeNetwork: async (name, signal) => void (await api.text("DELETE", network(name), {}, signal)),
    async connectNetwork(name, Container, EndpointConfig, signal) {
      await api.text("POST", `${network(name)}/connect`, { json: { Container, EndpointConfig } }, signal);
    },
    async disconnectNetwork(name, Container, Force, signal) {
      await api.text("POST", `${network(name)}/disconnect`, { json: { Container, Force } }, signal);
    },
    pruneNetworks: (filters, signal) =>
      api.json("POST", "/networks/prune", { query: { filters: encodeFilters(filters) } }, signal),
    listVolumes: (filters, signal) =>
      api.json("GET", "/volumes", { query: { filters: encodeFilters(filters) } }, signal),
    inspectVolume: (name, signal) => api.json("GET", volume(name), {}, signal),
    createVolume: (json, signal) => api.json("POST", "/volumes/create", { json }, signal),
    async removeVolume(name, force, signal) {
      await api.text("DELETE", volume(name), { query: { force } }, signal);
    },
    pruneVolumes: (filters, signal) =>
      api.json("POST", "/volumes/prune", { query: { filters: encodeFilters(filters) } }, signal),
  };
}
