import { parseGpus, parseRate, parseUlimit, parseWeight } from "./device-specs.ts";
import { checkHost } from "./host-specs.ts";
import { parseMount } from "./mount-specs.ts";
import { bool, type FlagTable, list, number, text } from "../flags.ts";
import { checkBytes, checkCpus, checkDuration } from "./quantities.ts";

const bytes = { check: checkBytes };
const duration = { check: checkDuration, shownDefault: "0s" };
const network = { complete: "network" } as const;
const container = { complete: "container" } as const;
const file = { complete: "file" } as const;

/** Limits that `update` can change as well. */
export const limitFlags = {
  "blkio-weight": number("uint16", "Share of block I/O, 10 to 1000; 0 for none", undefined, {
    shownDefault: "0",
  }),
  "cpu-period": number("int", "Length of a CFS period in microseconds"),
  "cpu-quota": number("int", "CPU time a CFS period in microseconds"),
  "cpu-rt-period": number("int", "Length of a real-time period in microseconds"),
  "cpu-rt-runtime": number("int", "Real-time CPU time a period in microseconds"),
  "cpu-shares": number("int", "Share of CPU time beside others", "c"),
  cpus: text("decimal", "How many CPUs it may use", undefined, { check: checkCpus }),
  "cpuset-cpus": text("string", "CPUs it may run on, e.g. 0-3 or 0,1"),
  "cpuset-mems": text("string", "Memory nodes it may use, e.g. 0-3 or 0,1"),
  memory: text("bytes", "Most memory", "m", bytes),
  "memory-reservation": text("bytes", "Memory it is pushed back to when there is little", undefined, bytes),
  "memory-swap": text("bytes", "Memory and swap together; -1 for unlimited swap", undefined, bytes),
  "pids-limit": number("int", "Most processes; -1 for any number"),
  restart: text("string", "When to start it again: no, on-failure[:MAX], always, unless-stopped"),
  "kernel-memory": text("bytes", "Most memory of the kernel", undefined, { check: checkBytes, hidden: true }),
} as const satisfies FlagTable;

/** What `run` and `create` take in common. */
export const containerFlags = {
  ...limitFlags,
  restart: text("string", "When to start it again: no, on-failure[:MAX], always, unless-stopped", undefined, {
    shownDefault: '"no"',
    complete: ["always", "no", "on-failure", "unless-stopped"],
  }),
  "add-host": list("list", "A line for /etc/hosts, NAME:ADDRESS", undefined, { check: checkHost }),
  annotation: list("map", "An annotation for the runtime, KEY=VALUE", undefined, { shownDefault: "map[]" }),
  attach: list("list", "Stream to attach to: stdin, stdout or stderr", "a", {
    complete: ["stdin", "stdout", "stderr"],
  }),
  "blkio-weight-device": list("list", "Share of block I/O on a device, PATH:WEIGHT", undefined, {
    shownDefault: "[]",
    check: parseWeight,
  }),
  "cap-add": list("list", "A capability to add"),
  "cap-drop": list("list", "A capability to drop"),
  "cgroup-parent": text("string", "Control group to put the container's in"),
  cgroupns: text("string", "Control group namespace: host or private", undefined, {
    complete: ["host", "private"],
  }),
  cidfile: text("string", "File to write the container's ID to", undefined, file),
  "cpu-count": number("int", "Number of CPUs (Windows only)", undefined, { hidden: true }),
  "cpu-percent": number("int", "Share of the CPUs (Windows only)", undefined, { hidden: true }),
  device: list("list", "A device of the machine, PATH[:PATH[:rwm]]", undefined, file),
  "device-cgroup-rule": list("list", "A rule for the list of allowed devices"),
  "device-read-bps": list("list", "Most bytes a second read from a device, PATH:RATE", undefined, {
    shownDefault: "[]",
    check: (spec) => void parseRate("bps", spec),
  }),
  "device-read-iops": list("list", "Most reads a second from a device, PATH:RATE", undefined, {
    shownDefault: "[]",
    check: (spec) => void parseRate("iops", spec),
  }),
  "device-write-bps": list("list", "Most bytes a second written to a device, PATH:RATE", undefined, {
    shownDefault: "[]",
    check: (spec) => void parseRate("bps", spec),
  }),
  "device-write-iops": list("list", "Most writes a second to a device, PATH:RATE", undefined, {
    shownDefault: "[]",
    check: (spec) => void parseRate("iops", spec),
  }),
  "disable-content-trust": bool("Skip the check of an image's signature", undefined, { isOn: true }),
  dns: list("list", "A name server"),
  "dns-opt": list("list", "An option of the resolver", undefined, { hidden: true }),
  "dns-option": list("list", "An option of the resolver"),
  "dns-search": list("list", "A domain to search in"),
  domainname: text("string", "The container's domain"),
  entrypoint: text("string", "What to run instead of the image's entry point"),
  env: list("list", "An environment variable, KEY=VALUE or KEY", "e"),
  "env-file": list("list", "A file of environment variables", undefined, file),
  expose: list("list", "A port or range that others may connect to"),
  gpus: text("gpu-request", "GPUs to give it; 'all' for all", undefined, { check: parseGpus }),
  "group-add": list("list", "One more group of the process"),
  "health-cmd": text("string", "Command that checks the health"),
  "health-interval": text("duration", "Time between checks", undefined, duration),
  "health-retries": number("int", "Failures in a row that make it unhealthy"),
  "health-start-interval": text("duration", "Time between checks while it starts", undefined, duration),
  "health-start-period": text("duration", "Time to start in before failures count", undefined, duration),
  "health-timeout": text("duration", "Most time for a check", undefined, duration),
  hostname: text("string", "The container's host name", "h"),
  init: bool("Run an init that forwards signals and reaps processes"),
  interactive: bool("Keep standard input open", "i"),
  ip: text("string", "IPv4 address, e.g. 172.30.100.104"),
  ip6: text("string", "IPv6 address, e.g. 2001:db8::33"),
  ipc: text("string", "IPC namespace: none, private, shareable, host, container:NAME"),
  isolation: text("string", "Isolation technology (Windows only)"),
  label: list("list", "A label, KEY[=VALUE]", "l"),
  "label-file": list("list", "A file of labels", undefined, file),
  link: list("list", "A container to know by name, NAME[:ALIAS]", undefined, container),
  "link-local-ip": list("list", "A link-local address"),
  "log-driver": text("string", "Where output goes, e.g. json-file, local, none"),
  "log-opt": list("list", "An option of the log driver, KEY=VALUE"),
  "mac-address": text("string", "MAC address, e.g. 92:d0:c6:0a:29:33"),
  "memory-swappiness": number("int", "How readily memory is swapped out, 0 to 100", undefined, {
    shownDefault: "-1",
  }),
  mount: list("mount", "A mount, type=bind,source=…,target=…", undefined, { check: parseMount }),
  name: text("string", "The container's name"),
  network: list("network", "A network, its name or name=…,alias=…", undefined, network),
  "network-alias": list("list", "One more name on the network"),
  net: list("network", "A network", undefined, { hidden: true }),
  "net-alias": list("list", "One more name on the network", undefined, { hidden: true }),
  "no-healthcheck": bool("Switch the image's health check off"),
  "oom-kill-disable": bool("Do not kill it when memory is short"),
  "oom-score-adj": number("int", "How readily it is killed when memory is short, -1000 to 1000"),
  pid: text("string", "Process namespace: host or container:NAME"),
  platform: text("string", "Platform of the image, e.g. linux/arm64"),
  privileged: bool("Give it every right of the machine"),
  publish: list("list", "A port to publish, [[ADDRESS:]PORT:]PORT[/PROTOCOL]", "p"),
  "publish-all": bool("Publish all exposed ports on free ones", "P"),
  pull: text("string", "When to pull the image: always, missing, never", undefined, {
    shownDefault: '"missing"',
    complete: ["always", "missing", "never"],
  }),
  quiet: bool("Do not show the pull's progress", "q"),
  "read-only": bool("Make the root file system read-only"),
  rm: bool("Remove it, and its anonymous volumes, when it ends"),
  runtime: text("string", "Runtime to use"),
  "security-opt": list("list", "A security option, e.g. no-new-privileges, seccomp=FILE"),
  "shm-size": text("bytes", "Size of /dev/shm", undefined, bytes),
  "stop-signal": text("string", "Signal that asks it to end"),
  "stop-timeout": number("int", "Seconds to end in before it is killed"),
  "storage-opt": list("list", "An option of the storage driver, KEY=VALUE"),
  sysctl: list("map", "A kernel setting, KEY=VALUE", undefined, { shownDefault: "map[]" }),
  tmpfs: list("list", "A file system in memory, PATH[:OPTIONS]"),
  tty: bool("Give it a terminal", "t"),
  ulimit: list("ulimit", "A limit of processes, NAME=SOFT[:HARD]", undefined, {
    shownDefault: "[]",
    check: parseUlimit,
  }),
  "use-api-socket": bool("Mount the engine's socket into it"),
  user: text("string", "Who runs it: NAME or ID[:GROUP]", "u"),
  userns: text("string", "User namespace: host or private"),
  uts: text("string", "UTS namespace: host"),
  volume: list("list", "A volume or folder, [SOURCE:]PATH[:OPTIONS]", "v"),
  "volume-driver": text("string", "Driver of new volumes"),
  "volumes-from": list("list", "A container whose mounts it gets, NAME[:ro]", undefined, container),
  workdir: text("string", "Folder to start in", "w"),
} as const satisfies FlagTable;
