import { type Check, type ContainerFacts, type SecurityFacts } from "./check.ts";

const hostFolders = /^\/(boot|dev|etc|lib|lib64|proc|sys|usr|root|var\/lib|var\/run|run)?(\/|$)/;
const dangerousCapabilities =
  /^(CAP_)?(ALL|SYS_ADMIN|SYS_MODULE|SYS_PTRACE|SYS_RAWIO|DAC_READ_SEARCH|NET_ADMIN|BPF|SYS_BOOT|SYS_TIME|MAC_ADMIN|SYSLOG)$/i;
const secretName = /^[^=]*(PASSWORD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY)[^=]*=./i;

/** A question about each container; `no` says what is wrong with one, undefined when nothing is. */
function each(
  id: string,
  title: string,
  no: (container: ContainerFacts, facts: SecurityFacts) => string | boolean | undefined,
): Check {
  return {
    id,
    title,
    find: (facts) =>
      facts.containers.flatMap((container) => {
        const why = no(container, facts);
        if (why === undefined || why === false) return [];
        return [`${container.Name.replace(/^\//, "")}${why === true ? "" : `: ${why}`}`];
      }),
  };
}

const mountsOf = ({ Mounts }: ContainerFacts) => Mounts ?? [];
const optionsOf = ({ HostConfig }: ContainerFacts) => HostConfig.SecurityOpt ?? [];
const bindingsOf = ({ HostConfig }: ContainerFacts) =>
  Object.values(HostConfig.PortBindings ?? {}).flatMap((it) => it ?? []);

/** What containers were given: section 5 of the benchmark. Every one passes when there are none. */
export const containerChecks: readonly Check[] = [
  each("5.2", "No container has given up its AppArmor profile", (it) =>
    optionsOf(it).includes("apparmor=unconfined"),
  ),
  each("5.4", "No container has capabilities that are as good as root's", (it) =>
    it.HostConfig.CapAdd?.find((name) => dangerousCapabilities.test(name)),
  ),
  each("5.5", "No container is privileged", ({ HostConfig }) => HostConfig.Privileged),
  each(
    "5.6",
    "No container writes to folders of the host's own",
    (it) => mountsOf(it).find(({ Source = "", RW }) => RW === true && isOfHost(Source))?.Source,
  ),
  each(
    "5.8",
    "No container publishes ports below 1024",
    (it) =>
      bindingsOf(it).find(({ HostPort = "" }) => Number(HostPort) > 0 && Number(HostPort) < 1024)?.HostPort,
  ),
  each(
    "5.10",
    "No container is in the host's network",
    ({ HostConfig }) => HostConfig.NetworkMode === "host",
  ),
  each("5.11", "Every container has a limit for memory", ({ HostConfig }) => (HostConfig.Memory ?? 0) <= 0),
  each(
    "5.12",
    "Every container has a share of the processors",
    ({ HostConfig }) => (HostConfig.CpuShares ?? 0) <= 0 && (HostConfig.NanoCpus ?? 0) <= 0,
  ),
  each(
    "5.13",
    "Every container's root file system is read-only",
    ({ HostConfig }) => HostConfig.ReadonlyRootfs !== true,
  ),
  each("5.14", "Ports are published on addresses that were chosen", (it) =>
    bindingsOf(it).some(({ HostIp = "" }) => HostIp === "" || HostIp === "0.0.0.0" || HostIp === "::"),
  ),
  each(
    "5.15",
    "No container is started again for ever when it fails",
    ({ HostConfig: { RestartPolicy } }) => {
      const { Name = "no", MaximumRetryCount = 0 } = RestartPolicy ?? {};
      return (
        Name === "always" ||
        Name === "unless-stopped" ||
        (Name === "on-failure" && (MaximumRetryCount === 0 || MaximumRetryCount > 5))
      );
    },
  ),
  each("5.16", "No container sees the host's processes", ({ HostConfig }) => HostConfig.PidMode === "host"),
  each("5.17", "No container shares the host's IPC", ({ HostConfig }) => HostConfig.IpcMode === "host"),
  each(
    "5.18",
    "No container has devices of the host's",
    ({ HostConfig }) => (HostConfig.Devices ?? []).length > 0,
  ),
  each(
    "5.18a",
    "No container has rules of its own for devices",
    ({ HostConfig }) => (HostConfig.DeviceCgroupRules ?? []).length > 0,
  ),
  each("5.20", "No mount propagates to the host", (it) =>
    mountsOf(it).some(({ Propagation = "" }) => /shared/.test(Propagation)),
  ),
  each(
    "5.21",
    "No container has the host's name to change",
    ({ HostConfig }) => HostConfig.UTSMode === "host",
  ),
  each("5.22", "No container has given up the filter of system calls", (it) =>
    optionsOf(it).includes("seccomp=unconfined"),
  ),
  each(
    "5.22a",
    "No container sees the paths that are masked",
    (it) => optionsOf(it).includes("systempaths=unconfined") || it.HostConfig.MaskedPaths?.length === 0,
  ),
  each(
    "5.25",
    "No container has cgroups of somebody's choice",
    ({ HostConfig }) => (HostConfig.CgroupParent ?? "") !== "",
  ),
  each("5.26", "No program in a container gains privileges", (it, { engine }) => {
    const said = optionsOf(it).find((option) => option.startsWith("no-new-privileges"));
    if (said !== undefined) return /false|[=:]0$/.test(said);
    return !engine.securityOptions.includes("name=no-new-privileges");
  }),
  each(
    "5.27",
    "Every container's health is looked at",
    ({ Config }) => Config.Healthcheck === undefined || Config.Healthcheck === null,
  ),
  each("5.30", "No container is on the default bridge", ({ HostConfig }) =>
    /^(default|bridge)?$/.test(HostConfig.NetworkMode ?? ""),
  ),
  each(
    "5.31",
    "No container is in the host's user namespace by its own wish",
    ({ HostConfig }) => HostConfig.UsernsMode === "host",
  ),
  each("5.32", "No container has an engine's socket", (it) =>
    mountsOf(it).some(({ Source = "" }) => /(docker|containerd)\.sock$/.test(Source)),
  ),
  each(
    "5.33",
    "No container has the host's cgroup namespace",
    ({ HostConfig }) => HostConfig.CgroupnsMode === "host",
  ),
  each(
    "5.34",
    "No container is spared when memory runs out",
    ({ HostConfig }) => HostConfig.OomKillDisable === true || (HostConfig.OomScoreAdj ?? 0) < -500,
  ),
  each(
    "5.35",
    "No container's log is thrown away",
    ({ HostConfig }) => HostConfig.LogConfig?.Type === "none",
  ),
];

function isOfHost(source: string): boolean {
  return source === "/" || (hostFolders.test(source) && !/^\/var\/lib\/[^/]+\/volumes\//.test(source));
}

/** What images bring: section 4 of the benchmark. */
export const imageChecks: readonly Check[] = [
  {
    id: "4.1",
    title: "Containers run as users other than root",
    find: ({ containers }) =>
      containers
        .filter(({ Config: { User = "" } }) => /^(|root|0)(:.*)?$/.test(User))
        .map(({ Name }) => Name.replace(/^\//, "")),
  },
  {
    id: "4.6",
    title: "Images say how health is looked at",
    find: ({ images }) => images.filter(({ Config }) => !Config?.Healthcheck).map(nameOf),
  },
  {
    id: "4.10",
    title: "No secrets in the variables of images",
    find: ({ images }) =>
      images.filter(({ Config }) => Config?.Env?.some((it) => secretName.test(it))).map(nameOf),
  },
  {
    id: "4.10a",
    title: "No secrets in the variables of containers",
    find: ({ containers }) =>
      containers
        .filter(({ Config }) => Config.Env?.some((it) => secretName.test(it)))
        .map(({ Name }) => Name.replace(/^\//, "")),
  },
];

function nameOf({ Id, RepoTags }: SecurityFacts["images"][number]): string {
  return RepoTags?.[0] ?? Id.slice(7, 19);
}
