// Written by tools/make-hypercore.ts.

export type TaskTag = string;

export type TaskState = "UNINITIALIZED" | "QUEUED" | "RUNNING" | "COMPLETE" | "ERROR";

export interface TaskTagStatus {
  readonly taskTag: TaskTag;
  readonly progressPercent: number;
  readonly state: TaskState;
  readonly formattedDescription: string;
  readonly descriptionParameters: readonly string[];
  readonly formattedMessage: string;
  readonly messageParameters: readonly string[];
  readonly objectUUID: string;
  /** unix seconds */
  readonly created: number;
  /** unix seconds */
  readonly modified: number;
  /** unix seconds */
  readonly completed: number;
  readonly sessionID: string;
  readonly nodeUUIDs: readonly string[];
}

export interface AlertSMTPConfig {
  readonly uuid: string;
  readonly smtpServer: string;
  readonly port: number;
  readonly useSSL: boolean;
  readonly useAuth: boolean;
  readonly authUser: string;
  readonly authPassword: string;
  readonly latestTaskTag: TaskTagStatus;
  readonly fromAddress: string;
}

export interface Result {
  readonly taskTag: TaskTag;
  readonly createdUUID: string;
}

export interface AlertEmailTarget {
  readonly uuid: string;
  readonly alertTagUUID: string;
  readonly emailAddress: string;
  /** seconds */
  readonly resendDelay: number;
  /** seconds */
  readonly silentPeriod: number;
  readonly latestTaskTag: TaskTagStatus;
}

export type SyslogProtocol = "SYSLOG_PROTOCOL_UDP" | "SYSLOG_PROTOCOL_TCP";

export interface AlertSyslogTarget {
  readonly uuid: string;
  readonly alertTagUUID: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: SyslogProtocol;
  readonly latestTaskTag: TaskTagStatus;
  /** seconds */
  readonly resendDelay: number;
  /** seconds */
  readonly silentPeriod: number;
}

export interface Cluster {
  readonly uuid: string;
  readonly filesystemID: string;
  readonly clusterName: string;
  readonly icosVersion: string;
  readonly latestTaskTag: TaskTagStatus;
  readonly brand: string;
  readonly isRESTAPIEnabled: boolean;
}

export type SeverityLevel =
  | "EMERGENCY"
  | "ALERT"
  | "CRITICAL"
  | "ERROR"
  | "WARNING"
  | "NOTICE"
  | "INFO"
  | "DEBUG";

export interface Condition {
  readonly name: string;
  readonly description: string;
  readonly value: boolean;
  readonly nodeUUID: string;
  readonly nodeLANIP: string;
  /** unix milliseconds */
  readonly modified: number;
  readonly userVisible: boolean;
  readonly techNotes: string;
  /** milliseconds */
  readonly pollInterval: number;
  /** milliseconds */
  readonly expirationInterval: number;
  /** milliseconds */
  readonly setDelay: number;
  /** milliseconds */
  readonly clearDelay: number;
  /** unix milliseconds */
  readonly lastSetTime: number;
  /** unix milliseconds */
  readonly lastClearTime: number;
  /** unix milliseconds */
  readonly guaranteedValidTime: number;
  readonly isExpired: boolean;
  readonly lastPollFailed: boolean;
  readonly isInitialized: boolean;
  readonly isOK: boolean;
  readonly nodeBackplaneIP: string;
  readonly severity: SeverityLevel;
  readonly tags: readonly string[];
}

export interface NucleusKey {
  readonly uuid: string;
  readonly value: string;
}

export interface DNSConfig {
  readonly uuid: string;
  readonly searchDomains: readonly string[];
  readonly serverIPs: readonly string[];
  readonly latestTaskTag: TaskTagStatus;
}

export type DriveType = "UNKNOWN" | "SATA" | "SAS" | "VIRTUAL" | "SSD";

export type DriveDisposition = "UNKNOWN" | "IN" | "OUT";

export interface FileSystemDisk {
  readonly fsName: string;
  readonly driveUUID: string;
  readonly availability: string;
  readonly state: string;
  readonly isReachable: boolean;
  /** bytes */
  readonly capacityBytes: number;
  /** bytes */
  readonly usedBytes: number;
}

export interface Drive {
  readonly uuid: string;
  readonly slot: number;
  readonly serialNumber: string;
  readonly type: DriveType;
  readonly nodeUUID: string;
  readonly desiredDisposition: DriveDisposition;
  readonly currentDisposition: DriveDisposition;
  /** bytes */
  readonly capacityBytes: number;
  /** bytes */
  readonly usedBytes: number;
  readonly disks: Readonly<Record<string, FileSystemDisk>>;
  readonly isHealthy: boolean;
  readonly reallocatedSectors: number;
  readonly errorCount: number;
  readonly blockDevicePath: string;
  readonly hasTemperature: boolean;
  readonly temperature: number;
  readonly hasMaxTemperature: boolean;
  readonly maxTemperature: number;
  readonly hasTemperatureThreshold: boolean;
  readonly temperatureThreshold: number;
}

export interface GPUProfile {
  readonly name: string;
  readonly maxInstances: number;
}

export interface GPU {
  readonly uuid: string;
  readonly nodeUUID: string;
  readonly profile: GPUProfile;
  readonly availableInstances: number;
}

export interface IcosUpdate {
  readonly uuid: string;
  readonly description: string;
  readonly changeLog: string;
  readonly buildID: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly revision: number;
  /** unix seconds */
  readonly timestamp: number;
}

export interface ISOMount {
  readonly vmUUID: string;
  readonly vmName: string;
}

export interface ISO {
  readonly uuid: string;
  readonly name: string;
  /** bytes */
  readonly size: number;
  readonly mounts: readonly ISOMount[];
  readonly readyForInsert: boolean;
  readonly path: string;
}

export interface MonitoringPublisher {
  readonly name: string;
}

export interface MonitoringSubscriber {
  readonly host: string;
  readonly port: number;
  readonly type: string;
  readonly db: string;
  readonly user: string;
  readonly password: string;
  readonly sslMode: string;
  readonly writer: string;
  readonly commitInterval: number;
  readonly CACert: string;
  readonly certificateFile: string;
  readonly certificateKeyFile: string;
}

export interface MonitoringConfig {
  readonly uuid: string;
  readonly clusterName: string;
  /** seconds */
  readonly interval: number;
  readonly publishers: readonly MonitoringPublisher[];
  readonly subscribers: readonly MonitoringSubscriber[];
  readonly latestTaskTag: TaskTagStatus;
}

export type NodeNetworkStatus = "ONLINE" | "OFFLINE" | "UNKNOWN";

export type NodeDisposition = "IN" | "EVACUATED" | "OUT" | "UNKNOWN";

export interface Node {
  readonly uuid: string;
  readonly backplaneIP: string;
  readonly lanIP: string;
  readonly configState: number;
  readonly activeVersion: number;
  /** bytes */
  readonly capacity: number;
  readonly drives: readonly Drive[];
  readonly vips: readonly string[];
  /** bytes */
  readonly memSize: number;
  readonly numCPUs: number;
  readonly CPUhz: number;
  readonly numNUMANodes: number;
  readonly numSockets: number;
  readonly numCores: number;
  readonly numThreads: number;
  readonly networkStatus: NodeNetworkStatus;
  readonly supportsVirtualization: boolean;
  readonly virtualizationOnline: boolean;
  readonly pairedNodeUUID: string;
  readonly scribeInstanceName: string;
  readonly peerID: number;
  readonly numSlots: number;
  /** bytes */
  readonly systemMemUsageBytes: number;
  readonly memUsagePercentage: number;
  readonly gpus: readonly GPU[];
  readonly currentDisposition: NodeDisposition;
  readonly desiredDisposition: NodeDisposition;
  readonly cpuUsage: number;
  /** bytes */
  readonly totalMemUsageBytes: number;
  readonly allowRunningVMs: boolean;
}

export interface OIDCConfig {
  readonly uuid: string;
  readonly clientID: string;
  readonly sharedSecret: string;
  readonly certificate: string;
  readonly configurationURL: string;
  readonly scopes: string;
  readonly authorizationURL: string;
  readonly tokenURL: string;
  readonly logoutURL: string;
}

export interface ClusterRegistrationData {
  readonly xmlToSubmit: string;
  readonly clusterID: string;
}

export interface Registration {
  readonly uuid: string;
  readonly companyName: string;
  readonly contact: string;
  readonly phone: string;
  readonly email: string;
  readonly latestTaskTag: TaskTagStatus;
  readonly clusterID: string;
  readonly clusterData: string;
  readonly clusterDataHash: string;
  readonly clusterDataHashAccepted: string;
}

export interface RemoteClusterAuthInfo {
  readonly ipAddress: string;
  readonly sessionID: string;
  readonly username: string;
  readonly password: string;
  readonly associatedConnectionUUID: string;
  readonly connectionTimeoutSeconds: number;
  readonly secureConnection: boolean;
  readonly receiveTimeoutSeconds: number;
}

export type RemoteClusterConnectionStatus =
  | "UNKNOWN"
  | "INITIALIZING"
  | "ESTABLISHED"
  | "DISCONNECTED"
  | "DELETING"
  | "UPDATING";

export type RemoteClusterConnectionSecurePortStatus =
  | "UNKNOWN"
  | "INITIALIZING"
  | "OPEN"
  | "CLOSED"
  | "DELETING";

export interface RemoteClusterConnectionSecurePort {
  readonly portNumber: number;
  readonly portStatus: RemoteClusterConnectionSecurePortStatus;
  readonly remotePortAvailable: boolean;
  readonly compression: boolean;
}

export type RemoteConnectionState = "AVAILABLE" | "UNAVAILABLE";

export interface RemoteClusterConnectionSecureMapping {
  readonly targetIP: string;
  readonly targetPort: number;
  readonly mappedIP: string;
  readonly mappedPort: number;
  readonly state: RemoteConnectionState;
}

export interface RemoteClusterConnectionCreateOptions {
  readonly cleanupOnFailure: boolean;
}

export interface RemoteClusterConnection {
  readonly uuid: string;
  readonly label: string;
  readonly authInfo: RemoteClusterAuthInfo;
  readonly connectionStatus: RemoteClusterConnectionStatus;
  readonly remoteClusterInfo: Cluster;
  readonly remoteNodeIPs: readonly string[];
  readonly securePorts: readonly RemoteClusterConnectionSecurePort[];
  readonly secureMappings: readonly RemoteClusterConnectionSecureMapping[];
  readonly remoteNodeConnectionStates: readonly RemoteConnectionState[];
  readonly compression: boolean;
  readonly remoteNodeUUIDs: readonly string[];
  readonly createOptions: RemoteClusterConnectionCreateOptions;
  readonly replicationOK: boolean;
}

export interface TimeSource {
  readonly uuid: string;
  readonly host: string;
  readonly latestTaskTag: TaskTagStatus;
}

export interface TimeZone {
  readonly uuid: string;
  readonly timeZone: string;
  readonly latestTaskTag: TaskTagStatus;
}

export interface User {
  readonly uuid: string;
  readonly username: string;
  readonly password: string;
  readonly fullName: string;
  readonly roleUUIDs: readonly string[];
  readonly sessionLimit: number;
}

export interface Permission {
  readonly functionName: string;
}

export interface Role {
  readonly uuid: string;
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly Permission[];
  readonly oidcName: string;
}

export type VirDomainState = "RUNNING" | "BLOCKED" | "PAUSED" | "SHUTDOWN" | "SHUTOFF" | "CRASHED";

export type VirDomainDisposition = "SHUTOFF" | "RUNNING" | "PAUSED";

export type VirDomainConsoleType = "VNC";

export interface VirDomainConsole {
  readonly type: VirDomainConsoleType;
  readonly ip: string;
  readonly port: number;
  readonly keymap: string;
}

export type VirDomainBlockDeviceType =
  | "IDE_DISK"
  | "SCSI_DISK"
  | "VIRTIO_DISK"
  | "IDE_CDROM"
  | "IDE_FLOPPY"
  | "NVRAM"
  | "VTPM";

export type VirDomainBlockDeviceCacheMode = "NONE" | "WRITEBACK" | "WRITETHROUGH";

export interface VirDomainBlockDevice {
  readonly uuid: string;
  readonly virDomainUUID: string;
  readonly type: VirDomainBlockDeviceType;
  readonly cacheMode: VirDomainBlockDeviceCacheMode;
  /** bytes */
  readonly capacity: number;
  /** bytes */
  readonly allocation: number;
  /** bytes */
  readonly physical: number;
  readonly shareUUID: string;
  readonly path: string;
  readonly slot: number;
  readonly name: string;
  readonly disableSnapshotting: boolean;
  readonly tieringPriorityFactor: number;
  readonly mountPoints: readonly string[];
  /** unix seconds */
  readonly createdTimestamp: number;
  readonly readOnly: boolean;
}

export type VirDomainNetDeviceType = "RTL8139" | "INTEL_E1000" | "VIRTIO" | "PCNET";

export interface VirDomainNetDevice {
  readonly uuid: string;
  readonly virDomainUUID: string;
  readonly type: VirDomainNetDeviceType;
  readonly macAddress: string;
  readonly vlan: number;
  readonly connected: boolean;
  readonly ipv4Addresses: readonly string[];
}

export type StatsSourceType =
  | "VIR_DOMAIN_CPU"
  | "VIR_DOMAIN_MEM_CURRENT"
  | "VIR_DOMAIN_MEM_SWAPPED"
  | "VIR_DOMAIN_NET"
  | "VIR_DOMAIN_STOR"
  | "VIR_DOMAIN_UPTIME";

export interface StatsDatum {
  readonly type: StatsSourceType;
  readonly currentValue: number;
  readonly maxValue: number;
}

export type VirDomainUIState =
  | "RUNNING"
  | "BLOCKED"
  | "PAUSED"
  | "SHUTDOWN"
  | "SHUTOFF"
  | "CRASHED"
  | "STARTING"
  | "PAUSING"
  | "STOPPING"
  | "MIGRATING";

export type GuestAgentState = "UNKNOWN" | "UNAVAILABLE" | "AVAILABLE";

export interface VirDomainAffinityStrategy {
  readonly strictAffinity: boolean;
  readonly preferredNodeUUID: string;
  readonly backupNodeUUID: string;
}

export interface CloudInitData {
  readonly userData: string;
  readonly metaData: string;
}

export interface VirDomain {
  readonly uuid: string;
  readonly nodeUUID: string;
  readonly name: string;
  readonly description: string;
  readonly operatingSystem: string;
  readonly state: VirDomainState;
  readonly desiredDisposition: VirDomainDisposition;
  readonly console: VirDomainConsole;
  /** bytes */
  readonly mem: number;
  readonly numVCPU: number;
  readonly blockDevs: readonly VirDomainBlockDevice[];
  readonly netDevs: readonly VirDomainNetDevice[];
  readonly deprecated_stats: readonly StatsDatum[];
  /** unix seconds */
  readonly created: number;
  /** unix seconds */
  readonly modified: number;
  readonly latestTaskTag: TaskTagStatus;
  readonly tags: string;
  readonly bootDevices: readonly string[];
  readonly uiState: VirDomainUIState;
  readonly snapUUIDs: readonly string[];
  readonly snapshotSerialNumber: number;
  readonly replicationUUIDs: readonly string[];
  readonly sourceVirDomainUUID: string;
  readonly snapshotListSerialNumber: number;
  readonly snapshotScheduleUUID: string;
  readonly machineType: string;
  readonly cpuType: string;
  readonly snapshotAllocationBlocks: number;
  readonly guestAgentState: GuestAgentState;
  readonly lastSeenRunningOnNodeUUID: string;
  readonly isTransient: boolean;
  readonly affinityStrategy: VirDomainAffinityStrategy;
  readonly vsdUUIDsToDelete: readonly string[];
  readonly cloudInitData: CloudInitData;
  readonly initialCloneSnapshotUUID: string;
  readonly machineTypeKeyword: string;
}

export interface VirDomainVSDSnapshot {
  readonly uuid: string;
  /** unix seconds */
  readonly timestamp: number;
  readonly serialNumber: number;
  readonly blockCountDiff: number;
  readonly identifier: string;
  readonly checksum: string;
}

export type VirDomainSnapshotType = "USER" | "AUTOMATED" | "SUPPORT";

export type VirDomainSnapshotState = "CREATED" | "DELETING" | "CREATING";

export interface VirDomainSnapshot {
  readonly uuid: string;
  readonly domainUUID: string;
  /** unix seconds */
  readonly timestamp: number;
  readonly label: string;
  readonly domain: VirDomain;
  readonly deviceSnapshots: readonly VirDomainVSDSnapshot[];
  readonly unavailable: boolean;
  readonly type: VirDomainSnapshotType;
  readonly blockCountDiff: number;
  /** unix seconds */
  readonly automatedTriggerTimestamp: number;
  /** unix seconds */
  readonly localRetainUntilTimestamp: number;
  readonly state: VirDomainSnapshotState;
  readonly quiesced: boolean;
  /** unix seconds */
  readonly remoteRetainUntilTimestamp: number;
  readonly blockCountDiffFromSerialNumber: number;
  readonly replication: boolean;
}

export interface VirDomainReplicationProgress {
  readonly valid: number;
  readonly snapshotFrom: VirDomainSnapshot;
  readonly snapshotTo: VirDomainSnapshot;
  readonly blockCountDiff: number;
  readonly blockCountSent: number;
  readonly percentComplete: number;
}

export interface VirDomainReplication {
  readonly uuid: string;
  readonly sourceDomainUUID: string;
  readonly targetDomainUUID: string;
  readonly connectionUUID: string;
  readonly enable: boolean;
  readonly label: string;
  readonly deprecated_sourceVSDInitialSerialNumber: number;
  readonly progress: VirDomainReplicationProgress;
}

export interface VirDomainSnapshotRecurrenceRule {
  readonly uuid: string;
  readonly dtstart: string;
  readonly rrule: string;
  /** seconds */
  readonly localRetentionDurationSeconds: number;
  readonly name: string;
  /** seconds */
  readonly remoteRetentionDurationSeconds: number;
  readonly replication: boolean;
}

export interface VirDomainSnapshotSchedule {
  readonly uuid: string;
  readonly name: string;
  readonly rrules: readonly VirDomainSnapshotRecurrenceRule[];
}

export interface IOPerformanceRate {
  readonly decaySeconds: number;
  readonly millireadsPerSecond: number;
  readonly milliwritesPerSecond: number;
  readonly readKibibytesPerSecond: number;
  readonly writeKibibytesPerSecond: number;
  readonly meanReadSizeBytes: number;
  readonly meanWriteSizeBytes: number;
  readonly meanReadLatencyMicroseconds: number;
  readonly meanWriteLatencyMicroseconds: number;
}

export interface VSDStats {
  readonly uuid: string;
  readonly rates: readonly IOPerformanceRate[];
}

export interface VirDomainStats {
  readonly uuid: string;
  readonly vsdStats: readonly VSDStats[];
  readonly cpuUsage: number;
  readonly rxBitRate: number;
  readonly txBitRate: number;
}

export interface VirDomainExportTarget {
  readonly pathURI: string;
  readonly format: string;
  readonly definitionFileName: string;
  readonly compress: boolean;
  readonly compat: string;
  readonly allowNonSequentialWrites: boolean;
  readonly parallelCountPerTransfer: number;
}

export interface VirDomainImportSource {
  readonly pathURI: string;
  readonly format: string;
  readonly definitionFileName: string;
  readonly allowNonSequentialWrites: boolean;
  readonly parallelCountPerTransfer: number;
}

export type VirDomainActionType =
  | "START"
  | "SHUTDOWN"
  | "STOP"
  | "PAUSE"
  | "REBOOT"
  | "RESET"
  | "LIVEMIGRATE"
  | "NMI";

export interface VirDomainActionDescription {
  readonly virDomainUUID: string;
  readonly actionType: VirDomainActionType;
  readonly nodeUUID: string;
  readonly cause: string;
}

export interface VirDomainSnapshotBlockDeviceCreateOptions {
  readonly regenerateDiskID: boolean;
  readonly readOnly: boolean;
}

export interface VirDomainCreateOptions {
  readonly attachGuestToolsISO: boolean;
  readonly machineTypeKeyword: string;
}

export interface VSD {
  readonly uuid: string;
  /** bytes */
  readonly capacityBytes: number;
  /** bytes */
  readonly totalAllocationBytes: number;
  /** bytes */
  readonly blockSize: number;
  readonly replicationFactor: number;
  readonly name: string;
}
