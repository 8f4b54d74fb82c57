import type { Clock } from "#base/time.ts";
import type { Builds } from "#engine/build/build-service.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { ContainerRecord } from "#engine/containers/record.ts";
import type { EventBus } from "#engine/events/event-bus.ts";
import type { Distribution } from "#engine/images/distribution.ts";
import type { ImageTrust } from "#engine/images/image-trust.ts";
import type { Images } from "#engine/images/images.ts";
import type { NetworkManagement } from "#engine/network/networks.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import type { Volumes } from "#engine/volumes/volume-service.ts";
import type { HostFacts } from "#host/facts.ts";
import { absentRoutes } from "./absent.ts";
import { archiveRoutes } from "./archive.ts";
import { buildRoutes } from "./build.ts";
import { type BuildKitRouteDeps, buildkitRoutes } from "./buildkit.ts";
import type { Route } from "./call.ts";
import { commitRoutes } from "./commit.ts";
import { containerActionRoutes } from "./container-actions.ts";
import { containerInspectRoutes } from "./container-inspect.ts";
import { containerListRoutes, SummaryEncoder } from "./container-list.ts";
import { containerStreamRoutes } from "./container-streams.ts";
import { diskUsageRoutes } from "./disk-usage.ts";
import { eventRoutes } from "./events.ts";
import { execRoutes } from "./exec.ts";
import { imageRoutes } from "./images.ts";
import { networkRoutes } from "./networks.ts";
import { registryRoutes } from "./registry.ts";
import { statsRoutes } from "./stats.ts";
import { type EngineIdentity, systemRoutes } from "./system.ts";
import { topRoutes } from "./top.ts";
import { trustRoutes } from "./trust.ts";
import type { ContainerUsage } from "./usage.ts";
import { volumeRoutes } from "./volumes.ts";

/** Everything that the API talks to. */
export interface DockerApiDeps extends BuildKitRouteDeps {
  readonly containers: Containers;
  readonly builds: Builds;
  readonly images: Images;
  readonly distribution: Distribution;
  /** Gantry's own paths about trust exist where this does. */
  readonly trust?: ImageTrust;
  readonly networks: NetworkManagement;
  readonly volumes: Volumes;
  readonly snapshots: Pick<Snapshotter, "root" | "mountOf">;
  readonly events: EventBus;
  readonly identity: EngineIdentity;
  /** Whether containers have user namespaces of their own. */
  readonly isRemapped: boolean;
  readonly host: HostFacts;
  /** What a container without a choice of its own gets, for inspect. */
  readonly defaultPaths: { readonly masked: readonly string[]; readonly readonly: readonly string[] };
  /** Of a running container; undefined when it does not run (any more). */
  readonly usage: (record: ContainerRecord) => Promise<ContainerUsage | undefined>;
  /** What the host's `ps` prints. @throws {Fault} `invalid` with its complaint about the arguments */
  readonly ps: (args: readonly string[], signal: AbortSignal) => Promise<string>;
  readonly now: Clock;
}

/** All routes of the Docker Engine API, for a `DockerServer`. */
export function dockerRoutes(given: DockerApiDeps): readonly Route[] {
  const nowMs = () => Number(given.now() / 1_000_000n);
  const deps = { ...given, nowMs };
  const encoder = new SummaryEncoder(deps);
  return [
    ...systemRoutes(deps),
    ...diskUsageRoutes({ ...deps, encoder }),
    ...eventRoutes(deps),
    ...containerListRoutes({ ...deps, encoder }),
    ...containerInspectRoutes(deps),
    ...containerActionRoutes(deps),
    ...containerStreamRoutes(deps),
    ...execRoutes(deps),
    ...archiveRoutes(deps),
    ...commitRoutes(deps),
    ...statsRoutes(deps),
    ...topRoutes(deps),
    ...registryRoutes(deps),
    ...trustRoutes(deps.trust),
    ...imageRoutes(deps),
    ...buildRoutes(deps),
    ...buildkitRoutes(deps),
    ...networkRoutes(deps),
    ...volumeRoutes(deps),
    ...absentRoutes,
  ];
}
