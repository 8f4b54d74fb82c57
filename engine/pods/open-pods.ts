import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { instanceName } from "#base/instance-name.ts";
import { ContainerService } from "#engine/containers/service.ts";
import { EventBus } from "#engine/events/event-bus.ts";
import { CgroupParents } from "#engine/runtime/cgroup-parents.ts";
import { ContainerCgroups } from "#engine/runtime/container-cgroups.ts";
import { Launcher } from "#engine/runtime/launcher.ts";
import type { EnginePaths } from "#engine/runtime/paths.ts";
import { LocalVolumes } from "#engine/volumes/local-volumes.ts";
import { JoinedNetworks } from "./joined-networks.ts";
import { podFolder } from "./pod-database.ts";
import { namespacesOf } from "./pod-namespaces.ts";
import { PodNetwork } from "./pod-network.ts";
import { Pods, type PodsDeps } from "./pods.ts";
import { SandboxRegistry } from "./sandbox-registry.ts";
import { Sandboxes } from "./sandboxes.ts";

/** Takes over what an earlier daemon left: records and kernel are reconciled when it resolves. */
export async function openPods(deps: PodsDeps): Promise<Pods> {
  await using owned = new AsyncDisposableStack();
  const paths = { root: podFolder(deps.paths.root), run: join(deps.paths.run, "cri") };
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  const events = new EventBus(deps.now);
  const network = owned.use(await openNetwork(deps, paths, events));
  const launcher = launcherOf(deps, paths);
  owned.defer(() => launcher.cgroups.dismantle());
  const opened: { pods?: Pods } = {};
  const sandboxes = owned.use(sandboxesOf(deps, paths, network, () => opened.pods));
  const lost = await sandboxes.reconcile();
  const containers = owned.use(await openContainers(deps, paths, { network, sandboxes, launcher, events }));
  const pods = new Pods(deps, { sandboxes, containers, network, launcher, owned: owned.move() });
  opened.pods = pods;
  events.subscribe(({ Type, Action, Actor }) => {
    const record = deps.registry.find(Actor.ID);
    if (Type === "container" && Action !== "stop" && record?.pod !== undefined)
      pods.tell(Action, record.pod.sandboxId, Actor.ID, record);
  });
  for (const { id } of lost) await sandboxes.stop(id);
  for (const { id, pod } of containers.list())
    if (sandboxes.find(pod?.sandboxId ?? "") === undefined) await pods.removeContainer(id);
  return pods;
}

function openNetwork(deps: PodsDeps, paths: EnginePaths, events: EventBus): Promise<PodNetwork> {
  const { spawner, shimBinary } = deps.launcher;
  const { db, log, now, clusterCidr, othersSubnets } = deps;
  return PodNetwork.open(
    { kernel: spawner, database: db, events, log, now },
    {
      instance: instanceName(paths.root),
      runFolder: paths.run,
      nativeBinary: shimBinary,
      clusterCidr,
      othersSubnets,
    },
  );
}

function launcherOf({ launcher }: PodsDeps, paths: EnginePaths): Launcher {
  const { cgroup } = launcher.host;
  const parents = new CgroupParents(cgroup, paths);
  return new Launcher({
    ...launcher,
    paths,
    cgroups: new ContainerCgroups(cgroup, instanceName(paths.root), parents),
  });
}

function sandboxesOf(
  { db, launcher, log, now }: PodsDeps,
  paths: EnginePaths,
  network: PodNetwork,
  pods: () => Pods | undefined,
): Sandboxes {
  return new Sandboxes({
    runFolder: paths.run,
    registry: new SandboxRegistry(db),
    spawner: launcher.spawner,
    acquire: (request, signal) => network.acquire(request, signal),
    networks: () => network.networks,
    endContainers: (id) => pods()?.endContainers(id) ?? Promise.resolve(),
    changed: (action, record) => pods()?.tell(action, record.id, undefined, record),
    log,
    now,
  });
}

async function openContainers(
  deps: PodsDeps,
  paths: EnginePaths,
  parts: {
    readonly network: PodNetwork;
    readonly sandboxes: Sandboxes;
    readonly launcher: Launcher;
    readonly events: EventBus;
  },
): Promise<ContainerService> {
  const { network, sandboxes, launcher, events } = parts;
  const { db, registry, images, idRanges, forwarders, log, now } = deps;
  const root = join(paths.root, "volumes");
  const volumes = new LocalVolumes({ ...deps.volumes, root, db, events, log, now });
  const sandboxOf = (id: string) => sandboxes.find(registry.get(id).pod?.sandboxId ?? "");
  const containers = await ContainerService.open({
    paths,
    registry,
    images,
    snapshots: deps.launcher.snapshots,
    networks: new JoinedNetworks({
      endpointsOf: (id) => sandboxOf(id)?.endpoints ?? [],
      pods: () => network.networks,
    }),
    volumes,
    events,
    launcher,
    idRanges,
    isRemapped: false,
    forwarders,
    defaultLogs: { Type: "json-file", Config: {} },
    pods: namespacesOf(sandboxes, registry),
    isOthers: () => true,
    log,
    now,
  });
  await volumes.reconcile();
  return containers;
}
