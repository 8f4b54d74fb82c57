// Made by tools/make-cri.ts. @see kubernetes/cri-api, pkg/apis/runtime/v1/api.proto

import {
  bigInt,
  bool,
  bytes,
  double,
  int,
  ints,
  many,
  map,
  message,
  type MessageOf,
  sub,
  text,
  texts,
} from "#base/protobuf.ts";

export const protocol = { TCP: 0, UDP: 1, SCTP: 2 } as const;

export const mountPropagation = {
  PROPAGATION_PRIVATE: 0,
  PROPAGATION_HOST_TO_CONTAINER: 1,
  PROPAGATION_BIDIRECTIONAL: 2,
} as const;

export const namespaceMode = { POD: 0, CONTAINER: 1, NODE: 2, TARGET: 3 } as const;

export const supplementalGroupsPolicy = { Merge: 0, Strict: 1 } as const;

export const securityProfileProfileType = { RuntimeDefault: 0, Unconfined: 1, Localhost: 2 } as const;

export const podSandboxState = { SANDBOX_READY: 0, SANDBOX_NOTREADY: 1 } as const;

export const signal = {
  SIGNAL_RUNTIME_DEFAULT: 0,
  SIGNAL_SIGABRT: 1,
  SIGNAL_SIGALRM: 2,
  SIGNAL_SIGBUS: 3,
  SIGNAL_SIGCHLD: 4,
  SIGNAL_SIGCLD: 5,
  SIGNAL_SIGCONT: 6,
  SIGNAL_SIGFPE: 7,
  SIGNAL_SIGHUP: 8,
  SIGNAL_SIGILL: 9,
  SIGNAL_SIGINT: 10,
  SIGNAL_SIGIO: 11,
  SIGNAL_SIGIOT: 12,
  SIGNAL_SIGKILL: 13,
  SIGNAL_SIGPIPE: 14,
  SIGNAL_SIGPOLL: 15,
  SIGNAL_SIGPROF: 16,
  SIGNAL_SIGPWR: 17,
  SIGNAL_SIGQUIT: 18,
  SIGNAL_SIGSEGV: 19,
  SIGNAL_SIGSTKFLT: 20,
  SIGNAL_SIGSTOP: 21,
  SIGNAL_SIGSYS: 22,
  SIGNAL_SIGTERM: 23,
  SIGNAL_SIGTRAP: 24,
  SIGNAL_SIGTSTP: 25,
  SIGNAL_SIGTTIN: 26,
  SIGNAL_SIGTTOU: 27,
  SIGNAL_SIGURG: 28,
  SIGNAL_SIGUSR1: 29,
  SIGNAL_SIGUSR2: 30,
  SIGNAL_SIGVTALRM: 31,
  SIGNAL_SIGWINCH: 32,
  SIGNAL_SIGXCPU: 33,
  SIGNAL_SIGXFSZ: 34,
  SIGNAL_SIGRTMIN: 35,
  SIGNAL_SIGRTMINPLUS1: 36,
  SIGNAL_SIGRTMINPLUS2: 37,
  SIGNAL_SIGRTMINPLUS3: 38,
  SIGNAL_SIGRTMINPLUS4: 39,
  SIGNAL_SIGRTMINPLUS5: 40,
  SIGNAL_SIGRTMINPLUS6: 41,
  SIGNAL_SIGRTMINPLUS7: 42,
  SIGNAL_SIGRTMINPLUS8: 43,
  SIGNAL_SIGRTMINPLUS9: 44,
  SIGNAL_SIGRTMINPLUS10: 45,
  SIGNAL_SIGRTMINPLUS11: 46,
  SIGNAL_SIGRTMINPLUS12: 47,
  SIGNAL_SIGRTMINPLUS13: 48,
  SIGNAL_SIGRTMINPLUS14: 49,
  SIGNAL_SIGRTMINPLUS15: 50,
  SIGNAL_SIGRTMAXMINUS14: 51,
  SIGNAL_SIGRTMAXMINUS13: 52,
  SIGNAL_SIGRTMAXMINUS12: 53,
  SIGNAL_SIGRTMAXMINUS11: 54,
  SIGNAL_SIGRTMAXMINUS10: 55,
  SIGNAL_SIGRTMAXMINUS9: 56,
  SIGNAL_SIGRTMAXMINUS8: 57,
  SIGNAL_SIGRTMAXMINUS7: 58,
  SIGNAL_SIGRTMAXMINUS6: 59,
  SIGNAL_SIGRTMAXMINUS5: 60,
  SIGNAL_SIGRTMAXMINUS4: 61,
  SIGNAL_SIGRTMAXMINUS3: 62,
  SIGNAL_SIGRTMAXMINUS2: 63,
  SIGNAL_SIGRTMAXMINUS1: 64,
  SIGNAL_SIGRTMAX: 65,
} as const;

export const containerState = {
  CONTAINER_CREATED: 0,
  CONTAINER_RUNNING: 1,
  CONTAINER_EXITED: 2,
  CONTAINER_UNKNOWN: 3,
} as const;

export const containerEventType = {
  CONTAINER_CREATED_EVENT: 0,
  CONTAINER_STARTED_EVENT: 1,
  CONTAINER_STOPPED_EVENT: 2,
  CONTAINER_DELETED_EVENT: 3,
} as const;

export const metricType = { COUNTER: 0, GAUGE: 1 } as const;

export const cgroupDriver = { SYSTEMD: 0, CGROUPFS: 1 } as const;

export const versionRequest = message({ version: text(1) });
export type VersionRequest = Partial<MessageOf<typeof versionRequest>>;

export const versionResponse = message({
  version: text(1),
  runtimeName: text(2),
  runtimeVersion: text(3),
  runtimeApiVersion: text(4),
});
export type VersionResponse = Partial<MessageOf<typeof versionResponse>>;

export const dnsConfig = message({ servers: texts(1), searches: texts(2), options: texts(3) });
export type DnsConfig = Partial<MessageOf<typeof dnsConfig>>;

export const portMapping = message({
  protocol: int(1),
  containerPort: int(2),
  hostPort: int(3),
  hostIp: text(4),
});
export type PortMapping = Partial<MessageOf<typeof portMapping>>;

export const idMapping = message({ hostId: int(1), containerId: int(2), length: int(3) });
export type IdMapping = Partial<MessageOf<typeof idMapping>>;

export const imageSpec = message({
  image: text(1),
  annotations: map(2, text),
  userSpecifiedImage: text(18),
  runtimeHandler: text(19),
  imageRef: text(20),
});
export type ImageSpec = Partial<MessageOf<typeof imageSpec>>;

export const mount = message({
  containerPath: text(1),
  hostPath: text(2),
  readonly: bool(3),
  selinuxRelabel: bool(4),
  propagation: int(5),
  uidMappings: many(6, idMapping),
  gidMappings: many(7, idMapping),
  recursiveReadOnly: bool(8),
  image: sub(9, imageSpec),
  imageSubPath: text(10),
  mountOptions: texts(11),
});
export type Mount = Partial<MessageOf<typeof mount>>;

export const userNamespace = message({ mode: int(1), uids: many(2, idMapping), gids: many(3, idMapping) });
export type UserNamespace = Partial<MessageOf<typeof userNamespace>>;

export const namespaceOption = message({
  network: int(1),
  pid: int(2),
  ipc: int(3),
  targetId: text(4),
  usernsOptions: sub(5, userNamespace),
});
export type NamespaceOption = Partial<MessageOf<typeof namespaceOption>>;

export const int64Value = message({ value: int(1) });
export type Int64Value = Partial<MessageOf<typeof int64Value>>;

export const seLinuxOption = message({ user: text(1), role: text(2), type: text(3), level: text(4) });
export type SeLinuxOption = Partial<MessageOf<typeof seLinuxOption>>;

export const securityProfile = message({ profileType: int(1), localhostRef: text(2) });
export type SecurityProfile = Partial<MessageOf<typeof securityProfile>>;

export const linuxSandboxSecurityContext = message({
  namespaceOptions: sub(1, namespaceOption),
  selinuxOptions: sub(2, seLinuxOption),
  runAsUser: sub(3, int64Value),
  runAsGroup: sub(8, int64Value),
  readonlyRootfs: bool(4),
  supplementalGroups: ints(5),
  supplementalGroupsPolicy: int(11),
  privileged: bool(6),
  seccomp: sub(9, securityProfile),
  apparmor: sub(10, securityProfile),
  seccompProfilePath: text(7),
});
export type LinuxSandboxSecurityContext = Partial<MessageOf<typeof linuxSandboxSecurityContext>>;

export const hugepageLimit = message({ pageSize: text(1), limit: int(2) });
export type HugepageLimit = Partial<MessageOf<typeof hugepageLimit>>;

export const linuxContainerResources = message({
  cpuPeriod: int(1),
  cpuQuota: int(2),
  cpuShares: int(3),
  memoryLimitInBytes: int(4),
  oomScoreAdj: int(5),
  cpusetCpus: text(6),
  cpusetMems: text(7),
  hugepageLimits: many(8, hugepageLimit),
  unified: map(9, text),
  memorySwapLimitInBytes: int(10),
});
export type LinuxContainerResources = Partial<MessageOf<typeof linuxContainerResources>>;

export const linuxPodSandboxConfig = message({
  cgroupParent: text(1),
  securityContext: sub(2, linuxSandboxSecurityContext),
  sysctls: map(3, text),
  overhead: sub(4, linuxContainerResources),
  resources: sub(5, linuxContainerResources),
});
export type LinuxPodSandboxConfig = Partial<MessageOf<typeof linuxPodSandboxConfig>>;

export const podSandboxMetadata = message({
  name: text(1),
  uid: text(2),
  namespace: text(3),
  attempt: int(4),
});
export type PodSandboxMetadata = Partial<MessageOf<typeof podSandboxMetadata>>;

export const windowsNamespaceOption = message({ network: int(1) });
export type WindowsNamespaceOption = Partial<MessageOf<typeof windowsNamespaceOption>>;

export const windowsSandboxSecurityContext = message({
  runAsUsername: text(1),
  credentialSpec: text(2),
  hostProcess: bool(3),
  namespaceOptions: sub(4, windowsNamespaceOption),
});
export type WindowsSandboxSecurityContext = Partial<MessageOf<typeof windowsSandboxSecurityContext>>;

export const windowsPodSandboxConfig = message({ securityContext: sub(1, windowsSandboxSecurityContext) });
export type WindowsPodSandboxConfig = Partial<MessageOf<typeof windowsPodSandboxConfig>>;

export const podSandboxConfig = message({
  metadata: sub(1, podSandboxMetadata),
  hostname: text(2),
  logDirectory: text(3),
  dnsConfig: sub(4, dnsConfig),
  portMappings: many(5, portMapping),
  labels: map(6, text),
  annotations: map(7, text),
  linux: sub(8, linuxPodSandboxConfig),
  windows: sub(9, windowsPodSandboxConfig),
});
export type PodSandboxConfig = Partial<MessageOf<typeof podSandboxConfig>>;

export const runPodSandboxRequest = message({ config: sub(1, podSandboxConfig), runtimeHandler: text(2) });
export type RunPodSandboxRequest = Partial<MessageOf<typeof runPodSandboxRequest>>;

export const runPodSandboxResponse = message({ podSandboxId: text(1) });
export type RunPodSandboxResponse = Partial<MessageOf<typeof runPodSandboxResponse>>;

export const stopPodSandboxRequest = message({ podSandboxId: text(1) });
export type StopPodSandboxRequest = Partial<MessageOf<typeof stopPodSandboxRequest>>;

export const stopPodSandboxResponse = message({});
export type StopPodSandboxResponse = Partial<MessageOf<typeof stopPodSandboxResponse>>;

export const removePodSandboxRequest = message({ podSandboxId: text(1) });
export type RemovePodSandboxRequest = Partial<MessageOf<typeof removePodSandboxRequest>>;

export const removePodSandboxResponse = message({});
export type RemovePodSandboxResponse = Partial<MessageOf<typeof removePodSandboxResponse>>;

export const podSandboxStatusRequest = message({ podSandboxId: text(1), verbose: bool(2) });
export type PodSandboxStatusRequest = Partial<MessageOf<typeof podSandboxStatusRequest>>;

export const podIP = message({ ip: text(1) });
export type PodIP = Partial<MessageOf<typeof podIP>>;

export const podSandboxNetworkStatus = message({ ip: text(1), additionalIps: many(2, podIP) });
export type PodSandboxNetworkStatus = Partial<MessageOf<typeof podSandboxNetworkStatus>>;

export const namespace = message({ options: sub(2, namespaceOption) });
export type Namespace = Partial<MessageOf<typeof namespace>>;

export const linuxPodSandboxStatus = message({ namespaces: sub(1, namespace) });
export type LinuxPodSandboxStatus = Partial<MessageOf<typeof linuxPodSandboxStatus>>;

export const podSandboxStatus = message({
  id: text(1),
  metadata: sub(2, podSandboxMetadata),
  state: int(3),
  createdAt: bigInt(4),
  network: sub(5, podSandboxNetworkStatus),
  linux: sub(6, linuxPodSandboxStatus),
  labels: map(7, text),
  annotations: map(8, text),
  runtimeHandler: text(9),
});
export type PodSandboxStatus = Partial<MessageOf<typeof podSandboxStatus>>;

export const containerMetadata = message({ name: text(1), attempt: int(2) });
export type ContainerMetadata = Partial<MessageOf<typeof containerMetadata>>;

export const windowsCpuGroupAffinity = message({ cpuMask: int(1), cpuGroup: int(2) });
export type WindowsCpuGroupAffinity = Partial<MessageOf<typeof windowsCpuGroupAffinity>>;

export const windowsContainerResources = message({
  cpuShares: int(1),
  cpuCount: int(2),
  cpuMaximum: int(3),
  memoryLimitInBytes: int(4),
  rootfsSizeInBytes: int(5),
  affinityCpus: many(6, windowsCpuGroupAffinity),
});
export type WindowsContainerResources = Partial<MessageOf<typeof windowsContainerResources>>;

export const containerResources = message({
  linux: sub(1, linuxContainerResources),
  windows: sub(2, windowsContainerResources),
});
export type ContainerResources = Partial<MessageOf<typeof containerResources>>;

export const linuxContainerUser = message({ uid: int(1), gid: int(2), supplementalGroups: ints(3) });
export type LinuxContainerUser = Partial<MessageOf<typeof linuxContainerUser>>;

export const containerUser = message({ linux: sub(1, linuxContainerUser) });
export type ContainerUser = Partial<MessageOf<typeof containerUser>>;

export const containerStatus = message({
  id: text(1),
  metadata: sub(2, containerMetadata),
  state: int(3),
  createdAt: bigInt(4),
  startedAt: bigInt(5),
  finishedAt: bigInt(6),
  exitCode: int(7),
  image: sub(8, imageSpec),
  imageRef: text(9),
  reason: text(10),
  message: text(11),
  labels: map(12, text),
  annotations: map(13, text),
  mounts: many(14, mount),
  logPath: text(15),
  resources: sub(16, containerResources),
  imageId: text(17),
  user: sub(18, containerUser),
  stopSignal: int(19),
});
export type ContainerStatus = Partial<MessageOf<typeof containerStatus>>;

export const podSandboxStatusResponse = message({
  status: sub(1, podSandboxStatus),
  info: map(2, text),
  containersStatuses: many(3, containerStatus),
  timestamp: bigInt(4),
});
export type PodSandboxStatusResponse = Partial<MessageOf<typeof podSandboxStatusResponse>>;

export const podSandboxStateValue = message({ state: int(1) });
export type PodSandboxStateValue = Partial<MessageOf<typeof podSandboxStateValue>>;

export const podSandboxFilter = message({
  id: text(1),
  state: sub(2, podSandboxStateValue),
  labelSelector: map(3, text),
});
export type PodSandboxFilter = Partial<MessageOf<typeof podSandboxFilter>>;

export const listPodSandboxRequest = message({ filter: sub(1, podSandboxFilter) });
export type ListPodSandboxRequest = Partial<MessageOf<typeof listPodSandboxRequest>>;

export const podSandbox = message({
  id: text(1),
  metadata: sub(2, podSandboxMetadata),
  state: int(3),
  createdAt: bigInt(4),
  labels: map(5, text),
  annotations: map(6, text),
  runtimeHandler: text(7),
});
export type PodSandbox = Partial<MessageOf<typeof podSandbox>>;

export const listPodSandboxResponse = message({ items: many(1, podSandbox) });
export type ListPodSandboxResponse = Partial<MessageOf<typeof listPodSandboxResponse>>;

export const streamPodSandboxesRequest = message({ filter: sub(1, podSandboxFilter) });
export type StreamPodSandboxesRequest = Partial<MessageOf<typeof streamPodSandboxesRequest>>;

export const streamPodSandboxesResponse = message({ podSandboxes: many(1, podSandbox) });
export type StreamPodSandboxesResponse = Partial<MessageOf<typeof streamPodSandboxesResponse>>;

export const podSandboxStatsRequest = message({ podSandboxId: text(1) });
export type PodSandboxStatsRequest = Partial<MessageOf<typeof podSandboxStatsRequest>>;

export const podSandboxAttributes = message({
  id: text(1),
  metadata: sub(2, podSandboxMetadata),
  labels: map(3, text),
  annotations: map(4, text),
});
export type PodSandboxAttributes = Partial<MessageOf<typeof podSandboxAttributes>>;

export const uInt64Value = message({ value: int(1) });
export type UInt64Value = Partial<MessageOf<typeof uInt64Value>>;

export const psiData = message({ total: int(1), avg10: double(2), avg60: double(3), avg300: double(4) });
export type PsiData = Partial<MessageOf<typeof psiData>>;

export const psiStats = message({ full: sub(1, psiData), some: sub(2, psiData) });
export type PsiStats = Partial<MessageOf<typeof psiStats>>;

export const cpuUsage = message({
  timestamp: bigInt(1),
  usageCoreNanoSeconds: sub(2, uInt64Value),
  usageNanoCores: sub(3, uInt64Value),
  psi: sub(4, psiStats),
});
export type CpuUsage = Partial<MessageOf<typeof cpuUsage>>;

export const memoryUsage = message({
  timestamp: bigInt(1),
  workingSetBytes: sub(2, uInt64Value),
  availableBytes: sub(3, uInt64Value),
  usageBytes: sub(4, uInt64Value),
  rssBytes: sub(5, uInt64Value),
  pageFaults: sub(6, uInt64Value),
  majorPageFaults: sub(7, uInt64Value),
  psi: sub(8, psiStats),
});
export type MemoryUsage = Partial<MessageOf<typeof memoryUsage>>;

export const networkInterfaceUsage = message({
  name: text(1),
  rxBytes: sub(2, uInt64Value),
  rxErrors: sub(3, uInt64Value),
  txBytes: sub(4, uInt64Value),
  txErrors: sub(5, uInt64Value),
});
export type NetworkInterfaceUsage = Partial<MessageOf<typeof networkInterfaceUsage>>;

export const networkUsage = message({
  timestamp: bigInt(1),
  defaultInterface: sub(2, networkInterfaceUsage),
  interfaces: many(3, networkInterfaceUsage),
});
export type NetworkUsage = Partial<MessageOf<typeof networkUsage>>;

export const processUsage = message({ timestamp: bigInt(1), processCount: sub(2, uInt64Value) });
export type ProcessUsage = Partial<MessageOf<typeof processUsage>>;

export const containerAttributes = message({
  id: text(1),
  metadata: sub(2, containerMetadata),
  labels: map(3, text),
  annotations: map(4, text),
});
export type ContainerAttributes = Partial<MessageOf<typeof containerAttributes>>;

export const filesystemIdentifier = message({ mountpoint: text(1) });
export type FilesystemIdentifier = Partial<MessageOf<typeof filesystemIdentifier>>;

export const filesystemUsage = message({
  timestamp: bigInt(1),
  fsId: sub(2, filesystemIdentifier),
  usedBytes: sub(3, uInt64Value),
  inodesUsed: sub(4, uInt64Value),
});
export type FilesystemUsage = Partial<MessageOf<typeof filesystemUsage>>;

export const swapUsage = message({
  timestamp: bigInt(1),
  swapAvailableBytes: sub(2, uInt64Value),
  swapUsageBytes: sub(3, uInt64Value),
});
export type SwapUsage = Partial<MessageOf<typeof swapUsage>>;

export const ioUsage = message({ timestamp: bigInt(1), psi: sub(2, psiStats) });
export type IoUsage = Partial<MessageOf<typeof ioUsage>>;

export const containerStats = message({
  attributes: sub(1, containerAttributes),
  cpu: sub(2, cpuUsage),
  memory: sub(3, memoryUsage),
  writableLayer: sub(4, filesystemUsage),
  swap: sub(5, swapUsage),
  io: sub(6, ioUsage),
});
export type ContainerStats = Partial<MessageOf<typeof containerStats>>;

export const linuxPodSandboxStats = message({
  cpu: sub(1, cpuUsage),
  memory: sub(2, memoryUsage),
  network: sub(3, networkUsage),
  process: sub(4, processUsage),
  containers: many(5, containerStats),
  io: sub(6, ioUsage),
});
export type LinuxPodSandboxStats = Partial<MessageOf<typeof linuxPodSandboxStats>>;

export const windowsCpuUsage = message({
  timestamp: bigInt(1),
  usageCoreNanoSeconds: sub(2, uInt64Value),
  usageNanoCores: sub(3, uInt64Value),
});
export type WindowsCpuUsage = Partial<MessageOf<typeof windowsCpuUsage>>;

export const windowsMemoryUsage = message({
  timestamp: bigInt(1),
  workingSetBytes: sub(2, uInt64Value),
  availableBytes: sub(3, uInt64Value),
  pageFaults: sub(4, uInt64Value),
  commitMemoryBytes: sub(5, uInt64Value),
});
export type WindowsMemoryUsage = Partial<MessageOf<typeof windowsMemoryUsage>>;

export const windowsNetworkInterfaceUsage = message({
  name: text(1),
  rxBytes: sub(2, uInt64Value),
  rxPacketsDropped: sub(3, uInt64Value),
  txBytes: sub(4, uInt64Value),
  txPacketsDropped: sub(5, uInt64Value),
});
export type WindowsNetworkInterfaceUsage = Partial<MessageOf<typeof windowsNetworkInterfaceUsage>>;

export const windowsNetworkUsage = message({
  timestamp: bigInt(1),
  defaultInterface: sub(2, windowsNetworkInterfaceUsage),
  interfaces: many(3, windowsNetworkInterfaceUsage),
});
export type WindowsNetworkUsage = Partial<MessageOf<typeof windowsNetworkUsage>>;

export const windowsProcessUsage = message({ timestamp: bigInt(1), processCount: sub(2, uInt64Value) });
export type WindowsProcessUsage = Partial<MessageOf<typeof windowsProcessUsage>>;

export const windowsFilesystemUsage = message({
  timestamp: bigInt(1),
  fsId: sub(2, filesystemIdentifier),
  usedBytes: sub(3, uInt64Value),
});
export type WindowsFilesystemUsage = Partial<MessageOf<typeof windowsFilesystemUsage>>;

export const windowsContainerStats = message({
  attributes: sub(1, containerAttributes),
  cpu: sub(2, windowsCpuUsage),
  memory: sub(3, windowsMemoryUsage),
  writableLayer: sub(4, windowsFilesystemUsage),
});
export type WindowsContainerStats = Partial<MessageOf<typeof windowsContainerStats>>;

export const windowsPodSandboxStats = message({
  cpu: sub(1, windowsCpuUsage),
  memory: sub(2, windowsMemoryUsage),
  network: sub(3, windowsNetworkUsage),
  process: sub(4, windowsProcessUsage),
  containers: many(5, windowsContainerStats),
});
export type WindowsPodSandboxStats = Partial<MessageOf<typeof windowsPodSandboxStats>>;

export const podSandboxStats = message({
  attributes: sub(1, podSandboxAttributes),
  linux: sub(2, linuxPodSandboxStats),
  windows: sub(3, windowsPodSandboxStats),
});
export type PodSandboxStats = Partial<MessageOf<typeof podSandboxStats>>;

export const podSandboxStatsResponse = message({ stats: sub(1, podSandboxStats) });
export type PodSandboxStatsResponse = Partial<MessageOf<typeof podSandboxStatsResponse>>;

export const podSandboxStatsFilter = message({ id: text(1), labelSelector: map(2, text) });
export type PodSandboxStatsFilter = Partial<MessageOf<typeof podSandboxStatsFilter>>;

export const listPodSandboxStatsRequest = message({ filter: sub(1, podSandboxStatsFilter) });
export type ListPodSandboxStatsRequest = Partial<MessageOf<typeof listPodSandboxStatsRequest>>;

export const listPodSandboxStatsResponse = message({ stats: many(1, podSandboxStats) });
export type ListPodSandboxStatsResponse = Partial<MessageOf<typeof listPodSandboxStatsResponse>>;

export const streamPodSandboxStatsRequest = message({ filter: sub(1, podSandboxStatsFilter) });
export type StreamPodSandboxStatsRequest = Partial<MessageOf<typeof streamPodSandboxStatsRequest>>;

export const streamPodSandboxStatsResponse = message({ podSandboxStats: many(1, podSandboxStats) });
export type StreamPodSandboxStatsResponse = Partial<MessageOf<typeof streamPodSandboxStatsResponse>>;

export const keyValue = message({ key: text(1), value: bytes(2) });
export type KeyValue = Partial<MessageOf<typeof keyValue>>;

export const capability = message({
  addCapabilities: texts(1),
  dropCapabilities: texts(2),
  addAmbientCapabilities: texts(3),
});
export type Capability = Partial<MessageOf<typeof capability>>;

export const linuxContainerSecurityContext = message({
  capabilities: sub(1, capability),
  privileged: bool(2),
  namespaceOptions: sub(3, namespaceOption),
  selinuxOptions: sub(4, seLinuxOption),
  runAsUser: sub(5, int64Value),
  runAsGroup: sub(12, int64Value),
  runAsUsername: text(6),
  readonlyRootfs: bool(7),
  supplementalGroups: ints(8),
  supplementalGroupsPolicy: int(17),
  noNewPrivs: bool(11),
  maskedPaths: texts(13),
  readonlyPaths: texts(14),
  seccomp: sub(15, securityProfile),
  apparmor: sub(16, securityProfile),
  apparmorProfile: text(9),
  seccompProfilePath: text(10),
});
export type LinuxContainerSecurityContext = Partial<MessageOf<typeof linuxContainerSecurityContext>>;

export const linuxContainerConfig = message({
  resources: sub(1, linuxContainerResources),
  securityContext: sub(2, linuxContainerSecurityContext),
});
export type LinuxContainerConfig = Partial<MessageOf<typeof linuxContainerConfig>>;

export const windowsContainerSecurityContext = message({
  runAsUsername: text(1),
  credentialSpec: text(2),
  hostProcess: bool(3),
});
export type WindowsContainerSecurityContext = Partial<MessageOf<typeof windowsContainerSecurityContext>>;

export const windowsContainerConfig = message({
  resources: sub(1, windowsContainerResources),
  securityContext: sub(2, windowsContainerSecurityContext),
});
export type WindowsContainerConfig = Partial<MessageOf<typeof windowsContainerConfig>>;

export const device = message({ containerPath: text(1), hostPath: text(2), permissions: text(3) });
export type Device = Partial<MessageOf<typeof device>>;

export const cdiDevice = message({ name: text(1) });
export type CdiDevice = Partial<MessageOf<typeof cdiDevice>>;

export const containerConfig = message({
  metadata: sub(1, containerMetadata),
  image: sub(2, imageSpec),
  command: texts(3),
  args: texts(4),
  workingDir: text(5),
  envs: many(6, keyValue),
  mounts: many(7, mount),
  devices: many(8, device),
  labels: map(9, text),
  annotations: map(10, text),
  logPath: text(11),
  stdin: bool(12),
  stdinOnce: bool(13),
  tty: bool(14),
  linux: sub(15, linuxContainerConfig),
  windows: sub(16, windowsContainerConfig),
  cdiDevices: many(17, cdiDevice),
  stopSignal: int(18),
});
export type ContainerConfig = Partial<MessageOf<typeof containerConfig>>;

export const createContainerRequest = message({
  podSandboxId: text(1),
  config: sub(2, containerConfig),
  sandboxConfig: sub(3, podSandboxConfig),
});
export type CreateContainerRequest = Partial<MessageOf<typeof createContainerRequest>>;

export const createContainerResponse = message({ containerId: text(1) });
export type CreateContainerResponse = Partial<MessageOf<typeof createContainerResponse>>;

export const startContainerRequest = message({ containerId: text(1) });
export type StartContainerRequest = Partial<MessageOf<typeof startContainerRequest>>;

export const startContainerResponse = message({});
export type StartContainerResponse = Partial<MessageOf<typeof startContainerResponse>>;

export const stopContainerRequest = message({ containerId: text(1), timeout: int(2) });
export type StopContainerRequest = Partial<MessageOf<typeof stopContainerRequest>>;

export const stopContainerResponse = message({});
export type StopContainerResponse = Partial<MessageOf<typeof stopContainerResponse>>;

export const removeContainerRequest = message({ containerId: text(1) });
export type RemoveContainerRequest = Partial<MessageOf<typeof removeContainerRequest>>;

export const removeContainerResponse = message({});
export type RemoveContainerResponse = Partial<MessageOf<typeof removeContainerResponse>>;

export const containerStateValue = message({ state: int(1) });
export type ContainerStateValue = Partial<MessageOf<typeof containerStateValue>>;

export const containerFilter = message({
  id: text(1),
  state: sub(2, containerStateValue),
  podSandboxId: text(3),
  labelSelector: map(4, text),
});
export type ContainerFilter = Partial<MessageOf<typeof containerFilter>>;

export const listContainersRequest = message({ filter: sub(1, containerFilter) });
export type ListContainersRequest = Partial<MessageOf<typeof listContainersRequest>>;

export const container = message({
  id: text(1),
  podSandboxId: text(2),
  metadata: sub(3, containerMetadata),
  image: sub(4, imageSpec),
  imageRef: text(5),
  state: int(6),
  createdAt: bigInt(7),
  labels: map(8, text),
  annotations: map(9, text),
  imageId: text(10),
});
export type Container = Partial<MessageOf<typeof container>>;

export const listContainersResponse = message({ containers: many(1, container) });
export type ListContainersResponse = Partial<MessageOf<typeof listContainersResponse>>;

export const streamContainersRequest = message({ filter: sub(1, containerFilter) });
export type StreamContainersRequest = Partial<MessageOf<typeof streamContainersRequest>>;

export const streamContainersResponse = message({ containers: many(1, container) });
export type StreamContainersResponse = Partial<MessageOf<typeof streamContainersResponse>>;

export const containerStatusRequest = message({ containerId: text(1), verbose: bool(2) });
export type ContainerStatusRequest = Partial<MessageOf<typeof containerStatusRequest>>;

export const containerStatusResponse = message({ status: sub(1, containerStatus), info: map(2, text) });
export type ContainerStatusResponse = Partial<MessageOf<typeof containerStatusResponse>>;

export const updateContainerResourcesRequest = message({
  containerId: text(1),
  linux: sub(2, linuxContainerResources),
  windows: sub(3, windowsContainerResources),
  annotations: map(4, text),
});
export type UpdateContainerResourcesRequest = Partial<MessageOf<typeof updateContainerResourcesRequest>>;

export const updateContainerResourcesResponse = message({});
export type UpdateContainerResourcesResponse = Partial<MessageOf<typeof updateContainerResourcesResponse>>;

export const execSyncRequest = message({ containerId: text(1), cmd: texts(2), timeout: int(3) });
export type ExecSyncRequest = Partial<MessageOf<typeof execSyncRequest>>;

export const execSyncResponse = message({ stdout: bytes(1), stderr: bytes(2), exitCode: int(3) });
export type ExecSyncResponse = Partial<MessageOf<typeof execSyncResponse>>;

export const execRequest = message({
  containerId: text(1),
  cmd: texts(2),
  tty: bool(3),
  stdin: bool(4),
  stdout: bool(5),
  stderr: bool(6),
});
export type ExecRequest = Partial<MessageOf<typeof execRequest>>;

export const execResponse = message({ url: text(1) });
export type ExecResponse = Partial<MessageOf<typeof execResponse>>;

export const attachRequest = message({
  containerId: text(1),
  stdin: bool(2),
  tty: bool(3),
  stdout: bool(4),
  stderr: bool(5),
});
export type AttachRequest = Partial<MessageOf<typeof attachRequest>>;

export const attachResponse = message({ url: text(1) });
export type AttachResponse = Partial<MessageOf<typeof attachResponse>>;

export const portForwardRequest = message({ podSandboxId: text(1), port: ints(2) });
export type PortForwardRequest = Partial<MessageOf<typeof portForwardRequest>>;

export const portForwardResponse = message({ url: text(1) });
export type PortForwardResponse = Partial<MessageOf<typeof portForwardResponse>>;

export const imageFilter = message({ image: sub(1, imageSpec) });
export type ImageFilter = Partial<MessageOf<typeof imageFilter>>;

export const listImagesRequest = message({ filter: sub(1, imageFilter) });
export type ListImagesRequest = Partial<MessageOf<typeof listImagesRequest>>;

export const image = message({
  id: text(1),
  repoTags: texts(2),
  repoDigests: texts(3),
  size: int(4),
  uid: sub(5, int64Value),
  username: text(6),
  spec: sub(7, imageSpec),
  pinned: bool(8),
});
export type Image = Partial<MessageOf<typeof image>>;

export const listImagesResponse = message({ images: many(1, image) });
export type ListImagesResponse = Partial<MessageOf<typeof listImagesResponse>>;

export const streamImagesRequest = message({ filter: sub(1, imageFilter) });
export type StreamImagesRequest = Partial<MessageOf<typeof streamImagesRequest>>;

export const streamImagesResponse = message({ images: many(1, image) });
export type StreamImagesResponse = Partial<MessageOf<typeof streamImagesResponse>>;

export const imageStatusRequest = message({ image: sub(1, imageSpec), verbose: bool(2) });
export type ImageStatusRequest = Partial<MessageOf<typeof imageStatusRequest>>;

export const imageStatusResponse = message({ image: sub(1, image), info: map(2, text) });
export type ImageStatusResponse = Partial<MessageOf<typeof imageStatusResponse>>;

export const authConfig = message({
  username: text(1),
  password: text(2),
  auth: text(3),
  serverAddress: text(4),
  identityToken: text(5),
  registryToken: text(6),
});
export type AuthConfig = Partial<MessageOf<typeof authConfig>>;

export const pullImageRequest = message({
  image: sub(1, imageSpec),
  auth: sub(2, authConfig),
  sandboxConfig: sub(3, podSandboxConfig),
});
export type PullImageRequest = Partial<MessageOf<typeof pullImageRequest>>;

export const pullImageResponse = message({ imageRef: text(1) });
export type PullImageResponse = Partial<MessageOf<typeof pullImageResponse>>;

export const removeImageRequest = message({ image: sub(1, imageSpec) });
export type RemoveImageRequest = Partial<MessageOf<typeof removeImageRequest>>;

export const removeImageResponse = message({});
export type RemoveImageResponse = Partial<MessageOf<typeof removeImageResponse>>;

export const networkConfig = message({ podCidr: text(1) });
export type NetworkConfig = Partial<MessageOf<typeof networkConfig>>;

export const runtimeConfig = message({ networkConfig: sub(1, networkConfig) });
export type RuntimeConfig = Partial<MessageOf<typeof runtimeConfig>>;

export const updateRuntimeConfigRequest = message({ runtimeConfig: sub(1, runtimeConfig) });
export type UpdateRuntimeConfigRequest = Partial<MessageOf<typeof updateRuntimeConfigRequest>>;

export const updateRuntimeConfigResponse = message({});
export type UpdateRuntimeConfigResponse = Partial<MessageOf<typeof updateRuntimeConfigResponse>>;

export const runtimeCondition = message({
  type: text(1),
  status: bool(2),
  reason: text(3),
  message: text(4),
});
export type RuntimeCondition = Partial<MessageOf<typeof runtimeCondition>>;

export const runtimeStatus = message({ conditions: many(1, runtimeCondition) });
export type RuntimeStatus = Partial<MessageOf<typeof runtimeStatus>>;

export const statusRequest = message({ verbose: bool(1) });
export type StatusRequest = Partial<MessageOf<typeof statusRequest>>;

export const runtimeHandlerFeatures = message({ recursiveReadOnlyMounts: bool(1), userNamespaces: bool(2) });
export type RuntimeHandlerFeatures = Partial<MessageOf<typeof runtimeHandlerFeatures>>;

export const runtimeHandler = message({ name: text(1), features: sub(2, runtimeHandlerFeatures) });
export type RuntimeHandler = Partial<MessageOf<typeof runtimeHandler>>;

export const runtimeFeatures = message({
  supplementalGroupsPolicy: bool(1),
  userNamespacesHostNetwork: bool(2),
  mountOptions: bool(3),
});
export type RuntimeFeatures = Partial<MessageOf<typeof runtimeFeatures>>;

export const statusResponse = message({
  status: sub(1, runtimeStatus),
  info: map(2, text),
  runtimeHandlers: many(3, runtimeHandler),
  features: sub(4, runtimeFeatures),
});
export type StatusResponse = Partial<MessageOf<typeof statusResponse>>;

export const imageFsInfoRequest = message({});
export type ImageFsInfoRequest = Partial<MessageOf<typeof imageFsInfoRequest>>;

export const imageFsInfoResponse = message({
  imageFilesystems: many(1, filesystemUsage),
  containerFilesystems: many(2, filesystemUsage),
});
export type ImageFsInfoResponse = Partial<MessageOf<typeof imageFsInfoResponse>>;

export const containerStatsRequest = message({ containerId: text(1) });
export type ContainerStatsRequest = Partial<MessageOf<typeof containerStatsRequest>>;

export const containerStatsResponse = message({ stats: sub(1, containerStats) });
export type ContainerStatsResponse = Partial<MessageOf<typeof containerStatsResponse>>;

export const containerStatsFilter = message({
  id: text(1),
  podSandboxId: text(2),
  labelSelector: map(3, text),
});
export type ContainerStatsFilter = Partial<MessageOf<typeof containerStatsFilter>>;

export const listContainerStatsRequest = message({ filter: sub(1, containerStatsFilter) });
export type ListContainerStatsRequest = Partial<MessageOf<typeof listContainerStatsRequest>>;

export const listContainerStatsResponse = message({ stats: many(1, containerStats) });
export type ListContainerStatsResponse = Partial<MessageOf<typeof listContainerStatsResponse>>;

export const streamContainerStatsRequest = message({ filter: sub(1, containerStatsFilter) });
export type StreamContainerStatsRequest = Partial<MessageOf<typeof streamContainerStatsRequest>>;

export const streamContainerStatsResponse = message({ containerStats: many(1, containerStats) });
export type StreamContainerStatsResponse = Partial<MessageOf<typeof streamContainerStatsResponse>>;

export const reopenContainerLogRequest = message({ containerId: text(1) });
export type ReopenContainerLogRequest = Partial<MessageOf<typeof reopenContainerLogRequest>>;

export const reopenContainerLogResponse = message({});
export type ReopenContainerLogResponse = Partial<MessageOf<typeof reopenContainerLogResponse>>;

export const checkpointContainerRequest = message({
  containerId: text(1),
  location: text(2),
  timeout: int(3),
});
export type CheckpointContainerRequest = Partial<MessageOf<typeof checkpointContainerRequest>>;

export const checkpointContainerResponse = message({});
export type CheckpointContainerResponse = Partial<MessageOf<typeof checkpointContainerResponse>>;

export const checkpointPodRequest = message({
  podSandboxId: text(1),
  outputPath: text(2),
  containerIds: texts(3),
  options: map(4, text),
});
export type CheckpointPodRequest = Partial<MessageOf<typeof checkpointPodRequest>>;

export const checkpointPodResponse = message({});
export type CheckpointPodResponse = Partial<MessageOf<typeof checkpointPodResponse>>;

export const restorePodRequest = message({
  checkpointPath: text(1),
  config: sub(2, podSandboxConfig),
  runtimeHandler: text(3),
  options: map(4, text),
  containerConfigs: many(5, containerConfig),
});
export type RestorePodRequest = Partial<MessageOf<typeof restorePodRequest>>;

export const restoredContainer = message({ name: text(1), containerId: text(2) });
export type RestoredContainer = Partial<MessageOf<typeof restoredContainer>>;

export const restorePodResponse = message({
  podSandboxId: text(1),
  restoredContainers: many(2, restoredContainer),
});
export type RestorePodResponse = Partial<MessageOf<typeof restorePodResponse>>;

export const getEventsRequest = message({});
export type GetEventsRequest = Partial<MessageOf<typeof getEventsRequest>>;

export const containerEventResponse = message({
  containerId: text(1),
  containerEventType: int(2),
  createdAt: bigInt(3),
  podSandboxStatus: sub(4, podSandboxStatus),
  containersStatuses: many(5, containerStatus),
});
export type ContainerEventResponse = Partial<MessageOf<typeof containerEventResponse>>;

export const listMetricDescriptorsRequest = message({});
export type ListMetricDescriptorsRequest = Partial<MessageOf<typeof listMetricDescriptorsRequest>>;

export const metricDescriptor = message({ name: text(1), help: text(2), labelKeys: texts(3) });
export type MetricDescriptor = Partial<MessageOf<typeof metricDescriptor>>;

export const listMetricDescriptorsResponse = message({ descriptors: many(1, metricDescriptor) });
export type ListMetricDescriptorsResponse = Partial<MessageOf<typeof listMetricDescriptorsResponse>>;

export const listPodSandboxMetricsRequest = message({});
export type ListPodSandboxMetricsRequest = Partial<MessageOf<typeof listPodSandboxMetricsRequest>>;

export const metric = message({
  name: text(1),
  timestamp: bigInt(2),
  metricType: int(3),
  labelValues: texts(4),
  value: sub(5, uInt64Value),
});
export type Metric = Partial<MessageOf<typeof metric>>;

export const containerMetrics = message({ containerId: text(1), metrics: many(2, metric) });
export type ContainerMetrics = Partial<MessageOf<typeof containerMetrics>>;

export const podSandboxMetrics = message({
  podSandboxId: text(1),
  metrics: many(2, metric),
  containerMetrics: many(3, containerMetrics),
});
export type PodSandboxMetrics = Partial<MessageOf<typeof podSandboxMetrics>>;

export const listPodSandboxMetricsResponse = message({ podMetrics: many(1, podSandboxMetrics) });
export type ListPodSandboxMetricsResponse = Partial<MessageOf<typeof listPodSandboxMetricsResponse>>;

export const streamPodSandboxMetricsRequest = message({});
export type StreamPodSandboxMetricsRequest = Partial<MessageOf<typeof streamPodSandboxMetricsRequest>>;

export const streamPodSandboxMetricsResponse = message({ podSandboxMetrics: many(1, podSandboxMetrics) });
export type StreamPodSandboxMetricsResponse = Partial<MessageOf<typeof streamPodSandboxMetricsResponse>>;

export const runtimeConfigRequest = message({});
export type RuntimeConfigRequest = Partial<MessageOf<typeof runtimeConfigRequest>>;

export const linuxRuntimeConfiguration = message({ cgroupDriver: int(1) });
export type LinuxRuntimeConfiguration = Partial<MessageOf<typeof linuxRuntimeConfiguration>>;

export const runtimeConfigResponse = message({ linux: sub(1, linuxRuntimeConfiguration) });
export type RuntimeConfigResponse = Partial<MessageOf<typeof runtimeConfigResponse>>;

export const updatePodSandboxResourcesRequest = message({
  podSandboxId: text(1),
  overhead: sub(2, linuxContainerResources),
  resources: sub(3, linuxContainerResources),
});
export type UpdatePodSandboxResourcesRequest = Partial<MessageOf<typeof updatePodSandboxResourcesRequest>>;

export const updatePodSandboxResourcesResponse = message({});
export type UpdatePodSandboxResourcesResponse = Partial<MessageOf<typeof updatePodSandboxResourcesResponse>>;
