import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerConfig, HostConfig } from "#api/docker/container.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import type { HostFacts } from "#host/facts.ts";
import { defaultCapabilities } from "./capabilities.ts";
import type { SpecInput } from "./runtime-spec.ts";
import { sampleConfig, sampleHost, sampleHostConfig, sampleInput } from "./sample.contract.ts";
import { planSpec } from "./spec.ts";

interface Linux {
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly sysctl: Readonly<Record<string, string>>;
  readonly devices: readonly object[];
  readonly resources?: object;
  readonly rootfsPropagation?: string;
}

function plan(
  hostConfig: Partial<HostConfig> = {},
  rest: Partial<SpecInput> = {},
  config: Partial<ContainerConfig> = {},
) {
  const { spec, warnings } = planSpec({
    ...sampleInput,
    ...rest,
    config: { ...sampleConfig, ...config },
    hostConfig: { ...sampleHostConfig, ...hostConfig },
  });
  return { spec, warnings, linux: spec.linux as Linux };
}

const mountAt = (spec: ReturnType<typeof plan>["spec"], destination: string) =>
  spec.mounts.find((mount) => mount.destination === destination);
const host = (changes: Partial<HostFacts>): Partial<SpecInput> => ({ host: { ...sampleHost, ...changes } });
const v2 = host({ cgroup: { kind: "v2", root: "/sys/fs/cgroup", controllers: ["cpu", "memory"] } });
const guarded = ["nosuid", "noexec", "nodev"];

test("planSpec: the default container, whole", () => {
  const { spec, warnings } = plan();

  const { "run.oci.seccomp_bpf_data": bpf, ...annotations } = spec.annotations;
  assert.match(bpf ?? "", /^[A-Za-z0-9+/]{1000,}=*$/);
  assert.deepEqual(warnings, []);
  const cgroup = (name: string, source: string) => ({
    destination: `/sys/fs/cgroup/${name}`,
    type: "bind",
    source: `/base/${source}/gantry/0123`,
    options: ["bind", "ro", ...guarded],
  });
  const etc = (name: string, source: string) => ({
    destination: `/etc/${name}`,
    type: "bind",
    source,
    options: ["bind"],
  });
  assert.deepEqual(
    { ...spec, annotations },
    {
      ociVersion: "1.0.2",
      process: {
        terminal: false,
        user: { uid: 0, gid: 0, additionalGids: [0] },
        args: ["true"],
        env: [
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOSTNAME=0123456789ab",
          "HOME=/root",
        ],
        cwd: "/",
        capabilities: {
          bounding: defaultCapabilities,
          permitted: defaultCapabilities,
          effective: defaultCapabilities,
          inheritable: [],
          ambient: [],
        },
        rlimits: [],
        noNewPrivileges: false,
        oomScoreAdj: 0,
      },
      root: { path: "rootfs", readonly: false },
      hostname: "0123456789ab",
      mounts: [
        { destination: "/proc", type: "proc", source: "proc", options: guarded },
        {
          destination: "/dev",
          type: "tmpfs",
          source: "tmpfs",
          options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
          destination: "/dev/pts",
          type: "devpts",
          source: "devpts",
          options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        },
        { destination: "/sys", type: "sysfs", source: "sysfs", options: [...guarded, "ro"] },
        { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded },
        {
          destination: "/dev/shm",
          type: "tmpfs",
          source: "shm",
          options: [...guarded, "mode=1777", "size=67108864"],
        },
        {
          destination: "/sys/fs/cgroup",
          type: "tmpfs",
          source: "tmpfs",
          options: ["ro", ...guarded, "mode=755", "size=64k"],
        },
        cgroup("memory", "memory"),
        cgroup("cpu", "cpu,cpuacct"),
        cgroup("cpuacct", "cpu,cpuacct"),
        cgroup("cpuset", "cpuset"),
        cgroup("pids", "pids"),
        etc("resolv.conf", "/c/resolv.conf"),
        etc("hostname", "/c/hostname"),
        etc("hosts", "/c/hosts"),
      ],
      annotations: {},
      linux: {
        namespaces: [
          { type: "mount" },
          { type: "network", path: "/proc/self/fd/10" },
          { type: "uts" },
          { type: "pid" },
          { type: "ipc" },
        ],
        devices: [],
        maskedPaths: [
          "/proc/acpi",
          "/proc/asound",
          "/proc/interrupts",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/sys/devices/virtual/powercap",
          "/sys/firmware",
        ],
        readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        sysctl: {
          "net.ipv4.ip_unprivileged_port_start": "0",
          "net.ipv4.ping_group_range": "0 2147483647",
        },
        cgroupsPath: "/gantry/0123",
      },
    },
  );
});

test("planSpec: the same input gives the same bytes", () => {
  assert.equal(JSON.stringify(plan().spec), JSON.stringify(plan().spec));
});

test("planSpec: privileged opens everything that the host has and nothing more", () => {
  const node = { path: "/dev/sda", type: "b", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 } as const;
  const capabilities = ["CAP_CHOWN", "CAP_SYS_ADMIN"];

  const { spec, linux } = plan(
    { Privileged: true },
    {
      devices: { nodes: [{ ...node, hostPath: "/dev/sda", access: "rwm" }], numbers: {} },
      ...host({ capabilities }),
    },
  );

  assert.deepEqual(spec.process.capabilities?.effective, capabilities);
  assert.deepEqual(spec.annotations, {});
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths, linux.devices], [[], [], [node]]);
  assert.ok(spec.mounts.every((mount) => !mount.options.includes("ro")));
  assert.ok(mountAt(spec, "/sys/fs/cgroup/unified") !== undefined);
});

test("planSpec: in a user namespace devices are bound, volumes mapped, and pings allowed to the groups there are", () => {
  const node = { path: "/dev/x", type: "c", major: 10, minor: 1, fileMode: 0o600, uid: 0, gid: 0 } as const;
  const volume = { type: "bind", source: "/v", destination: "/v", options: ["rbind"] };
  const point = {
    Type: "volume",
    Source: "/v",
    Destination: "/v",
    Mode: "",
    RW: true,
    Propagation: "",
  } as const;

  const { spec, linux } = plan(
    {},
    {
      idRange: { base: 200_000, size: 65_536 },
      devices: { nodes: [{ ...node, hostPath: "/dev/y", access: "rw" }], numbers: {} },
      mounts: [
        { ...volume, point, isMapped: true },
        { ...volume, point, destination: "/bind" },
      ],
    },
  );

  assert.deepEqual(linux.devices, []);
  assert.equal(mountAt(spec, "/dev/x")?.source, "/dev/y");
  assert.deepEqual(mountAt(spec, "/v")?.options, ["rbind", "idmap"]);
  assert.deepEqual(mountAt(spec, "/bind")?.options, ["rbind"]);
  assert.equal(linux.sysctl["net.ipv4.ping_group_range"], "0 65535");
  assert.ok(linux.namespaces.some(({ type, path }) => type === "user" && path === "/proc/self/fd/12"));
});

test("planSpec: who is not root starts with an empty permitted set", () => {
  const { spec } = plan({ CapAdd: ["NET_ADMIN"] }, { user: { ...sampleInput.user, uid: 1000 } });

  assert.deepEqual(spec.process.capabilities, {
    bounding: [...defaultCapabilities, "CAP_NET_ADMIN"],
    permitted: [],
    effective: [],
    inheritable: [],
    ambient: [],
  });
});

test("planSpec: on v2 the runtime gets the limits and a private view of its own cgroup", () => {
  const { spec, linux } = plan({ CgroupnsMode: "", PidsLimit: 7 }, v2);

  assert.deepEqual(
    spec.mounts.filter((mount) => mount.destination.startsWith("/sys/fs/cgroup")),
    [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", ...guarded] }],
  );
  assert.ok(linux.namespaces.some((namespace) => namespace.type === "cgroup"));
  assert.deepEqual((linux.resources as { pids: object }).pids, { limit: 7 });
});

test("planSpec: cgroup namespaces are as asked, by default private on v2 only", () => {
  const isPrivate = (mode: string, rest: Partial<SpecInput>) =>
    plan({ CgroupnsMode: mode }, rest).linux.namespaces.some((namespace) => namespace.type === "cgroup");

  assert.deepEqual(
    [isPrivate("", {}), isPrivate("", v2), isPrivate("private", {}), isPrivate("host", v2)],
    [false, true, true, false],
  );
});

test("planSpec: host modes leave the namespace, and with it what belongs to it, away", () => {
  const { spec, linux } = plan(
    { NetworkMode: "host", PidMode: "host", IpcMode: "host", UTSMode: "host" },
    { network: { kind: "host" } },
  );

  assert.deepEqual(linux.namespaces, [{ type: "mount" }]);
  assert.deepEqual(linux.sysctl, {});
  assert.equal(spec.hostname, undefined);
  assert.equal(mountAt(spec, "/dev/shm")?.source, "/dev/shm");
});

test("planSpec: joins the namespaces of another container without changing them", () => {
  const { spec, linux } = plan(
    { NetworkMode: "container:x", PidMode: "container:x", IpcMode: "container:x", Init: true },
    {
      network: { kind: "path", path: "/proc/5/ns/net" },
      joined: { ipc: "/proc/5/ns/ipc", pid: "/proc/5/ns/pid", uts: "/proc/5/ns/uts", shm: "/shm" },
    },
  );

  assert.deepEqual(linux.namespaces, [
    { type: "mount" },
    { type: "network", path: "/proc/5/ns/net" },
    { type: "uts", path: "/proc/5/ns/uts" },
    { type: "pid", path: "/proc/5/ns/pid" },
    { type: "ipc", path: "/proc/5/ns/ipc" },
  ]);
  assert.deepEqual(linux.sysctl, {});
  assert.equal(mountAt(spec, "/dev/shm")?.type, "bind");
  assert.deepEqual([spec.hostname, spec.process.args], [undefined, ["true"]]);
});

test("planSpec: IPC mode none has no /dev/shm, and ShmSize is its size", () => {
  assert.equal(mountAt(plan({ IpcMode: "none" }).spec, "/dev/shm"), undefined);
  assert.ok(mountAt(plan({ ShmSize: 4096 }).spec, "/dev/shm")?.options.includes("size=4096"));
});

test("planSpec: --init is bound and runs the program", () => {
  const { spec } = plan({ Init: true });

  assert.deepEqual(spec.process.args, ["/sbin/docker-init", "--", "true"]);
  assert.deepEqual(spec.mounts.at(-1), {
    destination: "/sbin/docker-init",
    type: "bind",
    source: "/lib/init",
    options: ["bind", "ro"],
  });
});

const volume = (
  destination: string,
  options: readonly string[] = ["rbind"],
  source = "/v",
): ResolvedMount => ({
  point: { Type: "bind", Source: source, Destination: destination, Mode: "", RW: true, Propagation: "" },
  type: "bind",
  source,
  destination,
  options,
});

test("planSpec: mounts replace default ones, parents come before children", () => {
  const { spec } = plan(
    {},
    { mounts: [volume("/a/b/c"), volume("/etc/hosts"), volume("/dev"), volume("/a")] },
  );

  const destinations = spec.mounts.map((mount) => mount.destination);
  assert.ok(!destinations.includes("/dev/pts") && !destinations.includes("/dev/shm"));
  assert.equal(mountAt(spec, "/dev")?.source, "/v");
  assert.deepEqual(destinations.slice(-6), [
    "/dev",
    "/a",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/a/b/c",
  ]);
});

test("planSpec: nothing covers /proc, where the runtime itself reads and writes", () => {
  for (const destination of ["/", "/proc", "/proc/self/attr", "/proc/sys"]) {
    assert.throws(() => plan({}, { mounts: [volume(destination)] }), /destination can't be|inside \/proc/);
  }
  for (const mount of [volume("/proc/meminfo"), volume("/proc", ["rbind"], "/proc"), volume("/processes")]) {
    assert.ok(mountAt(plan({}, { mounts: [mount] }).spec, mount.destination) !== undefined);
  }
});

test("planSpec: propagation of a mount reaches the root", () => {
  assert.equal(plan({}, { mounts: [volume("/a", ["rbind", "rslave"])] }).linux.rootfsPropagation, "rslave");
  assert.equal(plan({}, { mounts: [volume("/a", ["rbind", "rshared"])] }).linux.rootfsPropagation, "shared");
});

test("planSpec: a read-only root has read-only files of the engine's", () => {
  const { spec } = plan({ ReadonlyRootfs: true });

  assert.ok(spec.root.readonly);
  assert.ok(mountAt(spec, "/etc/hosts")?.options.includes("ro"));
});

test("planSpec: masked and read-only paths can be replaced, and opened", () => {
  const { linux } = plan({ MaskedPaths: ["/m"], ReadonlyPaths: [] });
  const open = plan({ SecurityOpt: ["systempaths=unconfined"] }).linux;
  const throttled = plan({}, host({ throttledCpus: [0, 3] })).linux;

  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [["/m"], []]);
  assert.deepEqual([open.maskedPaths, open.readonlyPaths], [[], []]);
  assert.deepEqual(throttled.maskedPaths.slice(-2), [
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
    "/sys/devices/system/cpu/cpu3/thermal_throttle",
  ]);
});

test("planSpec: seccomp is on unless it is turned off or the kernel has none", () => {
  const hasFilter = (options: readonly string[], isPrivileged = false) =>
    "run.oci.seccomp_bpf_data" in plan({ SecurityOpt: options, Privileged: isPrivileged }).spec.annotations;
  const custom = 'seccomp={"defaultAction":"SCMP_ACT_ERRNO"}';

  assert.deepEqual(
    [hasFilter([]), hasFilter(["seccomp=builtin"]), hasFilter([custom]), hasFilter(["seccomp=unconfined"])],
    [true, true, true, false],
  );
  assert.deepEqual([hasFilter([], true), hasFilter([custom], true)], [false, true]);
  assert.match(plan({}, host({ hasSeccomp: false })).warnings.join(), /without default profile/);
  assert.throws(() => plan({ SecurityOpt: [custom] }, host({ hasSeccomp: false })), /cannot run a custom/);
});

test("planSpec: the annotations that steer the runtime are not a client's to set", () => {
  const { spec, warnings } = plan({
    Annotations: { "run.oci.seccomp_bpf_data": "", "run.oci.hooks.stdout": "/etc/passwd", mine: "1" },
    SecurityOpt: ["seccomp=unconfined"],
  });

  assert.deepEqual(spec.annotations, { mine: "1" });
  assert.equal(warnings.length, 2);
});

test("planSpec: an OOM score below the daemon's own is raised where the kernel would refuse it", () => {
  const limited = host({ canRaiseLimits: false, oomScoreAdj: 100 });

  assert.equal(plan({ OomScoreAdj: -500 }).spec.process.oomScoreAdj, -500);
  const { spec, warnings } = plan({ OomScoreAdj: -500 }, limited);
  assert.equal(spec.process.oomScoreAdj, 100);
  assert.equal(warnings.length, 1);
  assert.deepEqual(plan({}, limited).warnings, []);
});

test("planSpec: AppArmor is used only where there is any", () => {
  const options = { SecurityOpt: ["apparmor=mine"] };

  assert.equal(plan(options, host({ hasAppArmor: true })).spec.process.apparmorProfile, "mine");
  const confining = host({ hasAppArmor: true });
  assert.equal(plan({}, confining).spec.process.apparmorProfile, "docker-default");
  assert.equal(plan({ Privileged: true }, confining).spec.process.apparmorProfile, "unconfined");
  assert.equal(plan(options).spec.process.apparmorProfile, undefined);
  assert.match(plan(options).warnings.join(), /profile mine was not applied/);
});

test("planSpec: a terminal brings TERM and its size", () => {
  const { spec } = plan({ ConsoleSize: [24, 80] }, {}, { Tty: true, WorkingDir: "/w", Domainname: "d" });

  assert.deepEqual(spec.process.consoleSize, { height: 24, width: 80 });
  assert.ok(spec.process.env.includes("TERM=xterm"));
  assert.deepEqual([spec.process.cwd, spec.domainname], ["/w", "d"]);
});
