import type { Drive, Node } from "#api/hypercore/types.ts";
import type { ClusterRecord } from "./cluster.ts";
import type { NodeFacts } from "./node-facts.ts";

/** What the node's machines use of it. */
export interface NodeLoad {
  readonly memBytes: number;
  /** Percent of all its CPUs. */
  readonly cpuUsage: number;
}

const driveSuffix = "-0000-4000-8000-000000000001";

/** This host in the API's words. */
export function nodeOf(
  cluster: ClusterRecord,
  facts: NodeFacts,
  load: NodeLoad,
  hasVirtualization: boolean,
): Node {
  const usedMem = facts.memBytes - facts.freeMemBytes;
  return {
    uuid: cluster.nodeUUID,
    backplaneIP: facts.lanIP,
    lanIP: facts.lanIP,
    configState: 0,
    activeVersion: 1,
    capacity: facts.capacityBytes,
    drives: [driveOf(cluster, facts)],
    vips: [],
    memSize: facts.memBytes,
    numCPUs: facts.threads,
    CPUhz: facts.cpuHz,
    numNUMANodes: 1,
    numSockets: facts.sockets,
    numCores: facts.cores,
    numThreads: facts.threads,
    networkStatus: "ONLINE",
    supportsVirtualization: hasVirtualization,
    virtualizationOnline: hasVirtualization,
    pairedNodeUUID: "",
    scribeInstanceName: "",
    peerID: 1,
    numSlots: 1,
    systemMemUsageBytes: Math.max(0, usedMem - load.memBytes),
    memUsagePercentage: (usedMem / facts.memBytes) * 100,
    gpus: [],
    currentDisposition: "IN",
    desiredDisposition: "IN",
    cpuUsage: load.cpuUsage,
    totalMemUsageBytes: usedMem,
    allowRunningVMs: true,
  };
}

/** The file system that disks are kept on, as the only drive. */
export function driveOf(cluster: ClusterRecord, facts: NodeFacts): Drive {
  const uuid = `${cluster.nodeUUID.slice(0, 8)}${driveSuffix}`;
  return {
    uuid,
    slot: 0,
    serialNumber: cluster.filesystemID,
    type: "VIRTUAL",
    nodeUUID: cluster.nodeUUID,
    desiredDisposition: "IN",
    currentDisposition: "IN",
    capacityBytes: facts.capacityBytes,
    usedBytes: facts.usedBytes,
    disks: {},
    isHealthy: true,
    reallocatedSectors: 0,
    errorCount: 0,
    blockDevicePath: "",
    hasTemperature: false,
    temperature: 0,
    hasMaxTemperature: false,
    maxTemperature: 0,
    hasTemperatureThreshold: false,
    temperatureThreshold: 0,
  };
}
