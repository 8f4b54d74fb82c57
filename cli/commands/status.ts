import { dockerClient } from "#client/docker-client.ts";
import { type Context, defineCommand, type EngineOptions, socketOf } from "../context.ts";
import type { ClusterStatus } from "../instance/cluster-status.ts";
import {
  describeHypervisor,
  type HypervisorStatus,
  readHypervisorStatus,
} from "../instance/hypervisor-status.ts";
import { findDaemon, findEngine } from "../instance/pid-file.ts";
import { residentBytes } from "../instance/resident-bytes.ts";
import { isAnswering, logPathOf } from "../instance/start-engine.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";
import { unixTransport } from "../unix-transport.ts";

const notRunning = 3;

export const command = defineCommand({
  isOwn: true,
  usage: "[flags]",
  about: "Shows whether the engine and the cluster run, where, and what they run.",
  flags: { json: { kind: "bool", help: "Print one JSON object" } },
  operands: [0, 0],
  examples: [
    ["gantry status", "for people"],
    ["gantry status --json", "for programs"],
    ["gantry status >/dev/null || gantry up", "start it unless it runs"],
  ],
  exitCodes: [
    [0, "the engine runs and answers"],
    [notRunning, "it does not"],
  ],
  async run(context, { json }) {
    const status = await readStatus(context);
    const { out } = context;
    if (json) out.write(`${JSON.stringify(status)}\n`);
    else out.write(formatTable([], describe(status)));
    return status.running ? 0 : notRunning;
  },
});

interface Running {
  readonly running: true;
  readonly pid?: number;
  readonly version: string;
  readonly apiVersion: string;
  readonly memoryBytes?: number;
  readonly containers: number;
  readonly containersRunning: number;
  readonly images: number;
}

interface Where {
  readonly root: string;
  readonly socket: string;
  readonly log: string;
  /** Absent while it does not run. */
  readonly cluster?: ClusterStatus;
  readonly hypervisor?: HypervisorStatus;
}

type Status = Where & (Running | { readonly running: false; readonly pid?: number });

async function readStatus(context: Context): Promise<Status> {
  const { instance, signal } = context;
  const socket = socketOf(instance);
  const [isUp, cluster, hypervisor] = await Promise.all([
    isAnswering(instance, signal),
    findCluster(instance, signal),
    readHypervisorStatus(context),
  ]);
  const where = {
    root: instance.root,
    socket,
    log: logPathOf(instance),
    ...(cluster !== undefined && { cluster }),
    ...(hypervisor !== undefined && { hypervisor }),
  };
  const pid = findEngine(instance.run)?.pid;
  const process = pid === undefined ? {} : { pid };
  if (!isUp) return { ...where, running: false, ...process };
  const client = dockerClient(unixTransport(socket));
  const [version, info] = await Promise.all([client.version(signal), client.info(signal)]);
  const memoryBytes = pid === undefined ? undefined : residentBytes(pid);
  return {
    ...where,
    ...process,
    running: true,
    version: version.Version,
    apiVersion: version.ApiVersion,
    ...(memoryBytes !== undefined && { memoryBytes }),
    containers: info.Containers,
    containersRunning: info.ContainersRunning,
    images: info.Images,
  };
}

async function findCluster(instance: EngineOptions, signal: AbortSignal): Promise<ClusterStatus | undefined> {
  const server = findDaemon(instance.run, "server");
  if (server === undefined) return undefined;
  const { readClusterStatus } = await import("../instance/cluster-status.ts");
  return await readClusterStatus(instance, server.pid, signal);
}

function describe(status: Status): readonly (readonly string[])[] {
  const where = [
    ["root", status.root],
    ["socket", status.socket],
    ["log", status.log],
  ];
  const pid = status.pid === undefined ? "" : ` (pid ${status.pid})`;
  if (!status.running)
    return [
      ["engine", status.pid === undefined ? "not running" : `does not answer${pid}`],
      ...where,
      ...describeCluster(status.cluster),
      ...describeHypervisor(status.hypervisor),
    ];
  const memory = status.memoryBytes === undefined ? [] : [["memory", formatBytes(status.memoryBytes)]];
  return [
    ["engine", `${status.version}, API ${status.apiVersion}, running${pid}`],
    ...memory,
    ...where,
    ["containers", `${status.containersRunning} running, ${status.containers} in all`],
    ["images", String(status.images)],
    ...describeCluster(status.cluster),
    ...describeHypervisor(status.hypervisor),
  ];
}

function describeCluster(cluster: ClusterStatus | undefined): readonly (readonly string[])[] {
  if (cluster === undefined) return [["cluster", "not running"]];
  const where = [
    ["kubeconfig", cluster.kubeconfig],
    ["log", cluster.log],
  ];
  const { pid, memoryBytes, facts } = cluster;
  const memory = memoryBytes === undefined ? [] : [["memory", formatBytes(memoryBytes)]];
  if (facts === undefined)
    return [["cluster", `${cluster.server}, does not answer (pid ${pid})`], ...memory, ...where];
  return [
    ["cluster", `${facts.version} on ${cluster.server}, running (pid ${pid})`],
    ...memory,
    ...where,
    ["nodes", `${facts.nodesReady} ready, ${facts.nodes} in all`],
    ["pods", `${facts.podsRunning} running, ${facts.pods} in all`],
  ];
}
