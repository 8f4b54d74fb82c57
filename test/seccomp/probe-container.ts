import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SeccompProgram } from "#oci/seccomp/program.ts";

const run = promisify(execFile);
const TIMEOUT_MS = 20_000;

export interface ProbeOptions {
  /** Words for the probe, see probe.c. */
  readonly args: readonly string[];
  readonly capabilities: readonly string[];
  readonly program: SeccompProgram | undefined;
  readonly noNewPrivileges?: boolean;
}

/** Compiles the probe, statically, so that it runs in any root file system. Returns its path. */
export async function buildProbe(folder: string): Promise<string> {
  const path = join(folder, "probe");
  await run("gcc", ["-static", "-O1", "-o", path, join(import.meta.dirname, "probe.c")]);
  return path;
}

/** The capabilities this process may hand on, e.g. `CAP_CHOWN`: a container cannot have more. */
export async function heldCapabilities(): Promise<readonly string[]> {
  const status = await readFile("/proc/self/status", "utf8");
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return capabilityNames
    .split(" ")
    .filter((_, bit) => (bounding >> BigInt(bit)) & 1n)
    .map((name) => `CAP_${name}`);
}

/** In the order of their bits. @see Linux, include/uapi/linux/capability.h */
const capabilityNames =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE";

/** Runs the probe in containers of crun's, each gone when its call returns. Disposing removes everything on disk. */
export class ProbeContainers {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<ProbeContainers> {
    const folder = await mkdtemp(join(tmpdir(), "gantry-seccomp-"));
    for (const empty of ["proc", "dev", "sys"])
      await mkdir(join(folder, "rootfs", empty), { recursive: true });
    await mkdir(join(folder, "state"));
    await copyFile(await buildProbe(folder), join(folder, "rootfs/probe"));
    return new ProbeContainers(folder);
  }

  /** What the probe printed. */
  async run(options: ProbeOptions): Promise<string> {
    await this.#configure(options);
    return this.#inNamespaces(`${crun} run --bundle "$0" "$1"`);
  }

  /** What the probe printed when started by `crun exec` in a container whose own process waits. */
  async exec(options: ProbeOptions): Promise<string> {
    await this.#configure({ ...options, args: ["wait"] });
    return this.#inNamespaces(`
      ${crun} run --detach --bundle "$0" "$1" </dev/null >/dev/null 2>&1
      ${crun} exec "$1" /probe ${options.args.join(" ")}
      ${crun} delete --force "$1"`);
  }

  /** Containers that the runtime still knows. */
  async leftovers(): Promise<readonly string[]> {
    return readdir(join(this.#folder, "state"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #configure(options: ProbeOptions): Promise<void> {
    await writeFile(join(this.#folder, "config.json"), JSON.stringify(configOf(options)));
  }

  /**
   * crun wants a cgroup2 mount where cgroups are, else it refuses a hybrid tree. Mount and processes are in namespaces that end
   * with the script, however that ends.
   */
  async #inNamespaces(script: string): Promise<string> {
    const commands = `mount -t cgroup2 none /sys/fs/cgroup\n${script}`;
    const unshare = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", commands];
    const { stdout } = await run("unshare", [...unshare, this.#folder, "seccomp-probe"], {
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
      maxBuffer: 1 << 22,
    });
    return stdout;
  }
}

const crun = 'crun --cgroup-manager=disabled --root "$0/state"';

function configOf({ args, capabilities, program, noNewPrivileges = false }: ProbeOptions): object {
  const sets = { bounding: capabilities, permitted: capabilities, effective: capabilities };
  return {
    ociVersion: "1.0.0",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/probe", ...args],
      env: [],
      cwd: "/",
      capabilities: { ...sets, inheritable: [], ambient: [] },
      noNewPrivileges,
    },
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    annotations: program === undefined ? {} : { "run.oci.seccomp_bpf_data": program.bpfBase64 },
    linux: {
      namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })),
      ...(program?.linuxSeccomp && { seccomp: program.linuxSeccomp }),
    },
  };
}
