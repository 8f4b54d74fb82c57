import { parseDuration } from "#base/duration.ts";
import type { CreateBody, HostConfig } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { FlagValues } from "../flags.ts";
import type { containerFlags } from "./container-flags.ts";
import { deviceOptions } from "./device-specs.ts";
import { collectEnvironment, collectLabels, keyValues } from "./environment.ts";
import { checkHost } from "./host-specs.ts";
import { limitsOf } from "./limits.ts";
import { parseMount, parseVolume } from "./mount-specs.ts";
import { planNetworks } from "./network-specs.ts";
import { planPorts } from "./port-specs.ts";
import { parseBytes } from "./quantities.ts";
import { securityOptions } from "./security-options.ts";

export type ContainerValues = FlagValues<typeof containerFlags>;
type Env = Readonly<Record<string, string | undefined>>;

export interface BodyInput {
  readonly values: ContainerValues;
  readonly given: ReadonlySet<string>;
  readonly image: string;
  readonly words: readonly string[];
  readonly env: Env;
  /** Variables for proxies that the configuration names. */
  readonly proxies: readonly string[];
}

/** What the streams are attached to. */
export interface Attached {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** `-a` and `-i`. With neither, output and errors are attached. */
export function attachedStreams(values: ContainerValues): Attached {
  const names = values.attach.map((name) => name.toLowerCase());
  for (const name of names)
    if (!["stdin", "stdout", "stderr"].includes(name))
      throw new Fault(
        "invalid",
        `invalid argument "${name}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
      );
  if (names.length === 0) return { stdin: values.interactive, stdout: true, stderr: true };
  return {
    stdin: names.includes("stdin"),
    stdout: names.includes("stdout"),
    stderr: names.includes("stderr"),
  };
}

/** The body of `POST /containers/create` for the flags. @throws {Fault} `invalid` with Docker's texts */
export function containerBody(input: BodyInput): CreateBody {
  const { values, given, image, words, env, proxies } = input;
  const attached = attachedStreams(values);
  const ports = planPorts(values.publish, values.expose);
  const volumes = values.volume.map(parseVolume);
  const networks = planNetworks(values);
  const health = healthOf(values, given);
  const anonymous = volumes.flatMap((one) => ("volume" in one ? [one.volume] : []));
  const variables = [...collectEnvironment(values["env-file"], values.env, env)];
  for (const proxy of proxies)
    if (!variables.some((line) => line.split("=")[0] === proxy.split("=")[0])) variables.push(proxy);
  return {
    Hostname: values.hostname ?? "",
    Domainname: values.domainname ?? "",
    User: values.user ?? "",
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    ...(Object.keys(ports.exposed).length === 0 ? {} : { ExposedPorts: ports.exposed }),
    Tty: values.tty,
    OpenStdin: values.interactive,
    StdinOnce: values.interactive && attached.stdin,
    Env: variables,
    Cmd: words.length === 0 ? null : words,
    Image: image,
    Volumes: Object.fromEntries(anonymous.map((path) => [path, {}])),
    WorkingDir: values.workdir ?? "",
    Entrypoint: values.entrypoint === undefined ? null : [values.entrypoint],
    OnBuild: null,
    Labels: collectLabels(values["label-file"], values.label),
    ...(health === undefined ? {} : { Healthcheck: health }),
    ...(values["stop-signal"] === undefined ? {} : { StopSignal: values["stop-signal"] }),
    ...(values["stop-timeout"] === undefined ? {} : { StopTimeout: values["stop-timeout"] }),
    ...(values["mac-address"] === undefined ? {} : { MacAddress: values["mac-address"] }),
    HostConfig: {
      ...hostConfigOf(values, given),
      NetworkMode: networks.mode,
      PortBindings: ports.bindings,
      Binds: volumes.flatMap((one) => ("bind" in one ? [one.bind] : [])),
      ...(values.mount.length === 0 ? {} : { Mounts: values.mount.map(parseMount) }),
    },
    NetworkingConfig: { EndpointsConfig: networks.endpoints },
  };
}

function hostConfigOf(values: ContainerValues, given: ReadonlySet<string>): Partial<HostConfig> {
  const nullable = (list: readonly string[]) => (list.length === 0 ? null : list);
  return {
    ContainerIDFile: values.cidfile ?? "",
    LogConfig: { Type: values["log-driver"] ?? "", Config: keyValues(values["log-opt"]) },
    RestartPolicy: parseRestart(values.restart ?? "no", values.rm && values.restart !== undefined),
    AutoRemove: values.rm,
    VolumeDriver: values["volume-driver"] ?? "",
    VolumesFrom: nullable(values["volumes-from"]),
    CapAdd: nullable(values["cap-add"]),
    CapDrop: nullable(values["cap-drop"]),
    CgroupnsMode: oneOf("CGROUP", values.cgroupns, ["", "private", "host"]),
    Dns: values.dns,
    DnsOptions: [...values["dns-option"], ...values["dns-opt"]],
    DnsSearch: values["dns-search"],
    ExtraHosts: nullable(values["add-host"].map(checkHost)),
    GroupAdd: nullable(values["group-add"]),
    IpcMode: values.ipc ?? "",
    Links: nullable(values.link),
    OomScoreAdj: values["oom-score-adj"] ?? 0,
    PidMode: checkPid(values.pid ?? ""),
    Privileged: values.privileged,
    PublishAllPorts: values["publish-all"],
    ReadonlyRootfs: values["read-only"],
    ...securityOptions(values["security-opt"]),
    ...(values["storage-opt"].length === 0 ? {} : { StorageOpt: keyValues(values["storage-opt"]) }),
    ...(values.tmpfs.length === 0 ? {} : { Tmpfs: tmpfsOf(values.tmpfs) }),
    UTSMode: oneOf("UTS", values.uts, ["", "host"]),
    UsernsMode: oneOf("USER", values.userns, ["", "host", "private"]),
    ShmSize: values["shm-size"] === undefined ? 0 : parseBytes(values["shm-size"]),
    ...(values.sysctl.length === 0 ? {} : { Sysctls: keyValues(values.sysctl) }),
    ...(values.annotation.length === 0 ? {} : { Annotations: keyValues(values.annotation) }),
    ...(values.runtime === undefined ? {} : { Runtime: values.runtime }),
    Isolation: values.isolation ?? "",
    CgroupParent: values["cgroup-parent"] ?? "",
    ...limitsOf(values),
    ...deviceOptions(values),
    MemorySwappiness: values["memory-swappiness"] ?? -1,
    OomKillDisable: values["oom-kill-disable"],
    ...(given.has("init") ? { Init: values.init } : {}),
  } as Partial<HostConfig>;
}

function checkPid(mode: string): string {
  if (mode === "" || mode === "host" || /^container:.+/.test(mode)) return mode;
  throw new Fault("invalid", "--pid: invalid PID mode");
}

function tmpfsOf(specs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    specs.map((spec) => {
      const colon = spec.indexOf(":");
      return colon < 0 ? [spec, ""] : [spec.slice(0, colon), spec.slice(colon + 1)];
    }),
  );
}

const modeFlags: Readonly<Record<string, string>> = { CGROUP: "cgroupns", UTS: "uts", USER: "userns" };

function oneOf(what: string, value: string | undefined, known: readonly string[]): string {
  if (value === undefined || known.includes(value)) return value ?? "";
  throw new Fault("invalid", `--${modeFlags[what]}: invalid ${what} mode`);
}

/** `--restart`. @throws {Fault} `invalid` with Docker's texts */
export function parseRestart(
  text: string,
  hasRm = false,
): { readonly Name: string; readonly MaximumRetryCount: number } {
  const [Name = "", count, ...more] = text.split(":");
  if (text.startsWith(":"))
    throw new Fault("invalid", "invalid restart policy format: no policy provided before colon");
  if (more.length > 0) throw new Fault("invalid", "invalid restart policy format");
  if (count !== undefined && !/^-?\d+$/.test(count))
    throw new Fault("invalid", "invalid restart policy format: maximum retry count must be an integer");
  if (hasRm && Name !== "no" && Name !== "")
    throw new Fault("invalid", "conflicting options: cannot specify both --restart and --rm");
  return { Name, MaximumRetryCount: Number(count ?? 0) };
}

function healthOf(
  values: ContainerValues,
  given: ReadonlySet<string>,
): CreateBody["Healthcheck"] | undefined {
  const names = ["cmd", "interval", "timeout", "start-period", "start-interval", "retries"] as const;
  const isAny = names.some((name) => given.has(`health-${name}`));
  if (values["no-healthcheck"]) {
    if (isAny) throw new Fault("invalid", "--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!isAny) return undefined;
  const time = (name: string, text: string | undefined) => {
    const value = text === undefined ? 0 : parseDuration(text);
    if (value < 0) throw new Fault("invalid", `--health-${name} cannot be negative`);
    return value === 0 ? undefined : value;
  };
  const retries = values["health-retries"] ?? 0;
  if (retries < 0) throw new Fault("invalid", "--health-retries cannot be negative");
  const entries = {
    Test: values["health-cmd"] ? ["CMD-SHELL", values["health-cmd"]] : undefined,
    Interval: time("interval", values["health-interval"]),
    Timeout: time("timeout", values["health-timeout"]),
    StartPeriod: time("start-period", values["health-start-period"]),
    StartInterval: time("start-interval", values["health-start-interval"]),
    Retries: retries === 0 ? undefined : retries,
  };
  return Object.fromEntries(
    Object.entries(entries).filter(([, value]) => value !== undefined),
  ) as CreateBody["Healthcheck"];
}
