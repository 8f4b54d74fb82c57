import { realpathSync } from "node:fs";
import type { HostConfig } from "#api/docker/container.ts";

/** What gives the host, or another container, to whoever is in this one. */
const strongCapabilities = new Set([
  "ALL",
  "DAC_READ_SEARCH",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_MODULE",
  "SYS_PTRACE",
  "SYS_RAWIO",
]);

/** Whoever reaches one of these is root on the host; binds of folders around them count. */
const controlSockets = [
  "/run/docker.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/podman/podman.sock",
];
/** Binds of these, or of something in them. */
const hostFolders = ["/boot", "/dev", "/proc", "/sys", "/var/lib/lxcfs"];

/**
 * Ways that a request opens out of the container, as a user of the docker command line writes them.
 *
 * @param own folders of the engine's: whoever writes there is the engine
 */
export function sideDoorsOf(hostConfig: HostConfig, own: readonly string[]): readonly string[] {
  const { Privileged, SecurityOpt, CapAdd, MaskedPaths, PidMode, IpcMode, UsernsMode } = hostConfig;
  const modes: readonly (readonly [string, string])[] = [
    ["--pid", PidMode],
    ["--ipc", IpcMode],
    ["--userns", UsernsMode],
  ];
  return [
    ...(Privileged ? ["--privileged"] : []),
    ...(!Privileged && MaskedPaths?.length === 0 ? ["--security-opt systempaths=unconfined"] : []),
    ...(SecurityOpt ?? [])
      .filter((option) => /^(seccomp|apparmor)[=:]unconfined$/.test(option))
      .map((option) => `--security-opt ${option}`),
    ...(CapAdd ?? [])
      .filter((name) => strongCapabilities.has(name.toUpperCase().replace(/^CAP_/, "")))
      .map((name) => `--cap-add ${name}`),
    ...modes
      .filter(([, mode]) => mode === "host" || mode.startsWith("container:"))
      .map(([flag, mode]) => `${flag}=${mode}`),
    ...bindSources(hostConfig)
      .filter((source) => leadsOut(realPath(source), own))
      .map((source) => `-v ${source}`),
  ];
}

function bindSources({ Binds, Mounts }: HostConfig): readonly string[] {
  const typed = (Binds ?? []).filter((text) => text.includes(":")).map((text) => text.replace(/:.*/, ""));
  const mounts = (Mounts ?? []).filter(({ Type }) => Type === "bind").map(({ Source = "" }) => Source);
  return [...typed, ...mounts].filter((source) => source.startsWith("/"));
}

function leadsOut(source: string, own: readonly string[]): boolean {
  const isAround = (path: string) => source === "/" || path === source || path.startsWith(`${source}/`);
  const isIn = (folder: string) => source === folder || source.startsWith(`${folder}/`);
  return [...controlSockets, ...own].some(isAround) || [...hostFolders, ...own].some(isIn);
}

/** As the kernel will look it up; one that is not there is as it says. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path.replace(/^\/var\/run\b/, "/run");
  }
}
