import type { EngineInfo } from "#client/docker-types.ts";
import { goPrint } from "../template/go-format.ts";
import { formatBinary } from "../output/units.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The engine's part of `info`, for people. */
export function infoText(info: EngineInfo): string {
  const text = (name: string) => goPrint(info[name] ?? "");
  const plugins = (info["Plugins"] ?? {}) as Readonly<Record<string, readonly string[] | null>>;
  const swarm = (info["Swarm"] ?? {}) as Fields;
  const runtimes = Object.keys((info["Runtimes"] ?? {}) as Fields).sort();
  const commit = (name: string) => goPrint(((info[name] ?? {}) as Fields)["ID"] ?? "");
  const lines = [
    `Containers: ${info.Containers}`,
    ` Running: ${info.ContainersRunning}`,
    ` Paused: ${info.ContainersPaused}`,
    ` Stopped: ${info.ContainersStopped}`,
    `Images: ${info.Images}`,
    `Server Version: ${text("ServerVersion")}`,
    ...(info["Driver"] ? [`Storage Driver: ${text("Driver")}`] : []),
    ...pairs(info["DriverStatus"]).map(([name, value]) => ` ${name}: ${value}`),
    `Logging Driver: ${text("LoggingDriver")}`,
    ...(info["CgroupDriver"] ? [`Cgroup Driver: ${text("CgroupDriver")}`] : []),
    ...(info["CgroupVersion"] ? [`Cgroup Version: ${text("CgroupVersion")}`] : []),
    "Plugins:",
    ` Volume: ${(plugins["Volume"] ?? []).join(" ")}`,
    ` Network: ${(plugins["Network"] ?? []).join(" ")}`,
    ...((plugins["Authorization"] ?? []).length > 0
      ? [` Authorization: ${plugins["Authorization"]?.join(" ")}`]
      : []),
    ` Log: ${(plugins["Log"] ?? []).join(" ")}`,
    ...listed("CDI spec directories:", info["CDISpecDirs"]),
    `Swarm: ${goPrint(swarm["LocalNodeState"] ?? "inactive")}`,
    ...(runtimes.length > 0 ? [`Runtimes: ${runtimes.join(" ")}`] : []),
    ...(info["DefaultRuntime"] ? [`Default Runtime: ${text("DefaultRuntime")}`] : []),
    `Init Binary: ${text("InitBinary")}`,
    `containerd version: ${commit("ContainerdCommit")}`,
    `runc version: ${commit("RuncCommit")}`,
    `init version: ${commit("InitCommit")}`,
    ...securityLines(info["SecurityOptions"]),
    `Kernel Version: ${text("KernelVersion")}`,
    `Operating System: ${text("OperatingSystem")}`,
    `OSType: ${text("OSType")}`,
    `Architecture: ${text("Architecture")}`,
    `CPUs: ${text("NCPU")}`,
    `Total Memory: ${formatBinary(Number(info["MemTotal"] ?? 0))}`,
    `Name: ${text("Name")}`,
    `ID: ${text("ID")}`,
    `Docker Root Dir: ${text("DockerRootDir")}`,
    `Debug Mode: ${text("Debug")}`,
    ...(info["Debug"] === true ? debugLines(info) : []),
    ...["HttpProxy", "HttpsProxy", "NoProxy"].flatMap((name) =>
      info[name]
        ? [
            `${{ HttpProxy: "HTTP Proxy", HttpsProxy: "HTTPS Proxy", NoProxy: "No Proxy" }[name]}: ${text(name)}`,
          ]
        : [],
    ),
    ...listed("Labels:", info["Labels"]),
    `Experimental: ${text("ExperimentalBuild")}`,
    ...registryLines(info["RegistryConfig"]),
    `Live Restore Enabled: ${text("LiveRestoreEnabled")}`,
    ...(info["ProductLicense"] ? [`Product License: ${text("ProductLicense")}`] : []),
    ...poolLines(info["DefaultAddressPools"]),
    ...firewallLines(info["FirewallBackend"]),
  ];
  return `${lines.map((line) => ` ${line}\n`).join("")}`;
}

function debugLines(info: EngineInfo): readonly string[] {
  return [
    ` File Descriptors: ${String(info["NFd"])}`,
    ` Goroutines: ${String(info["NGoroutines"])}`,
    ` System Time: ${String(info["SystemTime"])}`,
    ` EventsListeners: ${String(info["NEventsListener"])}`,
  ];
}

function pairs(value: unknown): readonly (readonly [string, string])[] {
  return (value ?? []) as readonly (readonly [string, string])[];
}

function listed(heading: string, value: unknown): readonly string[] {
  const items = (value ?? []) as readonly string[];
  return items.length === 0 ? [] : [heading, ...items.map((item) => ` ${item}`)];
}

function securityLines(value: unknown): readonly string[] {
  const options = (value ?? []) as readonly string[];
  if (options.length === 0) return [];
  const lines = options.flatMap((option) => {
    const fields = option.split(",").map((field) => field.split("=") as [string, string?]);
    const name = fields.find(([key]) => key === "name")?.[1] ?? option;
    const others = fields.filter(([key]) => key !== "name");
    return [
      ` ${name}`,
      ...others.map(([key, setting]) => `  ${key === "profile" ? "Profile" : key}: ${setting ?? ""}`),
    ];
  });
  return ["Security Options:", ...lines];
}

function registryLines(value: unknown): readonly string[] {
  const config = (value ?? {}) as Fields;
  const ranges = (config["InsecureRegistryCIDRs"] ?? []) as readonly string[];
  const indexes = Object.values((config["IndexConfigs"] ?? {}) as Readonly<Record<string, Fields>>);
  const insecure = indexes.filter(({ Secure }) => Secure === false).map(({ Name }) => String(Name));
  const mirrors = (config["Mirrors"] ?? []) as readonly string[];
  return [
    ...(ranges.length + insecure.length > 0
      ? ["Insecure Registries:", ...[...insecure, ...ranges].map((one) => ` ${one}`)]
      : []),
    ...listed("Registry Mirrors:", mirrors),
  ];
}

function poolLines(value: unknown): readonly string[] {
  const pools = (value ?? []) as readonly { readonly Base: string; readonly Size: number }[];
  return pools.length === 0
    ? []
    : ["Default Address Pools:", ...pools.map(({ Base, Size }) => `  Base: ${Base}, Size: ${Size}`)];
}

function firewallLines(value: unknown): readonly string[] {
  const { Driver, Info } = (value ?? {}) as { readonly Driver?: string; readonly Info?: unknown };
  if (Driver === undefined) return [];
  return [`Firewall Backend: ${Driver}`, ...pairs(Info).map(([name, text]) => `  ${name}: ${text}`)];
}
