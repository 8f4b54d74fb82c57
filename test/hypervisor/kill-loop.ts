import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { instanceName } from "#base/instance-name.ts";
import { HypervisorUnderTest, type Told } from "../support/hypervisor.ts";

export interface HypervisorKillReport {
  readonly kills: number;
  /** Changes whose tasks were COMPLETE. */
  readonly acknowledged: number;
  /** Tasks that a kill has interrupted, by how they have ended. */
  readonly interrupted: { readonly complete: number; readonly failed: number };
  /** Milliseconds from start to first answer, ascending. */
  readonly recoveryMs: readonly number[];
  readonly violations: readonly string[];
}

/** What clients were told of machines and snapshots. */
interface Believed {
  /** By uuid; `leaving`: its removal was asked for. */
  readonly made: Map<string, "kept" | "leaving">;
  acknowledged: number;
}

const keptMachines = 6;
/** A kill comes in the middle of what is longest. */
const longestMs = 400;
const endings = ["ECONNRESET", "ECONNREFUSED", "EPIPE"];

/**
 * Kills the daemon at random moments while clients make, start, keep, copy and remove machines, and after every restart compares
 * what they may believe, what the daemon says and what there is. Machines live through all of it.
 */
export async function hypervisorKillLoop(options: {
  readonly kills: number;
  readonly workers: number;
}): Promise<HypervisorKillReport> {
  await using hypervisor = await HypervisorUnderTest.start();
  const violations: string[] = [];
  const recoveryMs: number[] = [];
  const interrupted = { complete: 0, failed: 0 };
  let acknowledged = 0;
  for (let kill = 0; kill < options.kills; kill++) {
    const believed: Believed = { made: new Map(), acknowledged: 0 };
    const open = new Set<string>();
    const working = Array.from({ length: options.workers }, (_, i) =>
      work(hypervisor, believed, `k${kill}w${i}`),
    );
    await delay(50 + Math.random() * longestMs * options.workers);
    for (const { taskTag, state } of await hypervisor.ok("GET", "/TaskTag"))
      if (state === "RUNNING") open.add(taskTag);
    await delay(Math.random() * 20);
    await hypervisor.stop("SIGKILL");
    await Promise.all(working);
    const running = hypervisor.processes("qemu-system");
    const begin = performance.now();
    await hypervisor.up();
    recoveryMs.push(performance.now() - begin);
    acknowledged += believed.acknowledged;
    const found = await check(hypervisor, believed, running);
    violations.push(...found.map((text) => `kill ${kill}: ${text}`));
    for (const { state } of await tasksOf(hypervisor, open))
      interrupted[state === "COMPLETE" ? "complete" : "failed"]++;
    await removeSome(hypervisor);
  }
  recoveryMs.sort((a, b) => a - b);
  return { kills: options.kills, acknowledged, interrupted, recoveryMs, violations };
}

/** Until the daemon is gone. */
async function work(hypervisor: HypervisorUnderTest, believed: Believed, prefix: string): Promise<void> {
  const { made } = believed;
  const acknowledge = <T>(value: T): T => {
    believed.acknowledged++;
    return value;
  };
  try {
    for (let i = 0; ; i++) {
      const uuid = acknowledge(await hypervisor.newVm(`${prefix}-${i}`, ["VIRTIO_DISK", "SCSI_DISK"]));
      made.set(uuid, "kept");
      acknowledge(await hypervisor.act(uuid, "START"));
      const body = { domainUUID: uuid, label: "s" };
      const snapshot = acknowledge(await hypervisor.done("POST", "/VirDomainSnapshot", body));
      const template = { template: { name: "copy" } };
      const copy = acknowledge(await hypervisor.done("POST", `/VirDomain/${uuid}/clone`, template));
      acknowledge(await hypervisor.done("DELETE", `/VirDomainSnapshot/${snapshot}`));
      made.set(copy, "leaving");
      acknowledge(await hypervisor.done("DELETE", `/VirDomain/${copy}`));
      if (i % 2 === 0) continue;
      made.set(uuid, "leaving");
      acknowledge(await hypervisor.act(uuid, "STOP"));
      acknowledge(await hypervisor.done("DELETE", `/VirDomain/${uuid}`));
    }
  } catch (error) {
    // The daemon has gone; what it answered before counts.
    if (!endings.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

async function check(
  hypervisor: HypervisorUnderTest,
  believed: Believed,
  running: readonly number[],
): Promise<readonly string[]> {
  const vms: readonly Told[] = await hypervisor.ok("GET", "/VirDomain");
  const uuids = vms.map(({ uuid }) => uuid as string);
  const alive = vms.filter(({ state }) => state === "RUNNING").map(({ uuid }) => uuid as string);
  const now = hypervisor.processes("qemu-system");
  // One that was about to begin when its daemon died may have begun since.
  const gone = running.filter((pid) => !now.includes(pid));
  return [
    ...gone.map((pid) => `process ${pid} is gone`),
    ...(alive.length === now.length ? [] : [`${now.length} machines run, ${alive.length} are told`]),
    ...[...believed.made]
      .filter(([uuid, fate]) => fate === "kept" && !uuids.includes(uuid))
      .map(([uuid]) => `lost ${uuid}`),
    ...(await hypervisor.strayFiles()),
    ...(await untrueTasks(hypervisor, uuids, alive)),
    ...brokenDisks(hypervisor),
    ...strayInKernel(hypervisor, vms, alive),
  ];
}

/** What a task that was interrupted says has not happened must not have. */
async function untrueTasks(
  hypervisor: HypervisorUnderTest,
  uuids: readonly string[],
  alive: readonly string[],
): Promise<readonly string[]> {
  const tasks: readonly Told[] = await hypervisor.ok("GET", "/TaskTag");
  const snapshots = ((await hypervisor.ok("GET", "/VirDomainSnapshot")) as readonly Told[]).map(
    ({ uuid }) => uuid,
  );
  const newest = new Map(tasks.map((task) => [task.objectUUID, task]));
  const isSo: Readonly<Record<string, (uuid: string) => boolean>> = {
    "Start VM '%@'": (uuid) => alive.includes(uuid),
    "Stop VM '%@'": (uuid) => uuids.includes(uuid) && !alive.includes(uuid),
    "Create VM '%@'": (uuid) => uuids.includes(uuid),
    "Clone VM '%@'": (uuid) => uuids.includes(uuid),
    "Delete VM '%@'": (uuid) => !uuids.includes(uuid),
    "Create snapshot of VM '%@'": (uuid) => snapshots.includes(uuid),
    "Delete snapshot of VM '%@'": (uuid) => !snapshots.includes(uuid),
  };
  return [...newest.values()].flatMap((task) => {
    const told = `${task.taskTag} ${task.formattedDescription} ${task.state} ${task.formattedMessage}`;
    if (task.state !== "COMPLETE" && task.state !== "ERROR") return [`task ${told}`];
    const isDone = isSo[task.formattedDescription]?.(task.objectUUID);
    // The machine of a snapshot takes it along, and a task about the machine is then not the snapshot's newest.
    const isLost = task.state === "COMPLETE" && task.formattedDescription.startsWith("Create snapshot");
    return isDone === undefined || isLost || isDone === (task.state === "COMPLETE")
      ? []
      : [`untrue: ${told}`];
  });
}

/** Still ones and those of machines that are off are whole; those that are written say so when they are closed. */
function brokenDisks(hypervisor: HypervisorUnderTest): readonly string[] {
  return readdirSync(hypervisor.diskFolder)
    .filter((file) => file.endsWith(".qcow2"))
    .flatMap((file) => {
      try {
        execFileSync("qemu-img", ["check", "-q", "-U", join(hypervisor.diskFolder, file)], { stdio: "pipe" });
        return [];
      } catch (error) {
        const { status, stderr } = error as { status: number; stderr: Buffer };
        // 3: clusters that nothing needs, as QEMU has them while it writes.
        return status === 3 ? [] : [`disk ${file}: ${stderr.toString().trim()}`];
      }
    });
}

function strayInKernel(
  hypervisor: HypervisorUnderTest,
  vms: readonly Told[],
  alive: readonly string[],
): readonly string[] {
  const [, number = ""] = /-([\da-f]{6})$/.exec(instanceName(hypervisor.root)) ?? [];
  const prefix = `g${number}`;
  const nics: readonly Told[] = vms.flatMap(({ netDevs }) => netDevs);
  const taps = nics.map(
    ({ uuid }) =>
      `${prefix}t${String(uuid)
        .replaceAll("-", "")
        .slice(0, 14 - prefix.length)}`,
  );
  const links = readdirSync("/sys/class/net").filter((link) => link.startsWith(prefix));
  const cgroups = hypervisor.cgroups().map((folder) => folder.split("/").at(-1) ?? "");
  return [
    ...links
      .filter((link) => link.startsWith(`${prefix}t`) && !taps.includes(link))
      .map((link) => `link ${link}`),
    ...cgroups
      .filter((name) => !name.endsWith("-vms") && !alive.includes(name))
      .map((name) => `cgroup ${name}`),
  ];
}

async function tasksOf(hypervisor: HypervisorUnderTest, tags: ReadonlySet<string>): Promise<readonly Told[]> {
  const all: readonly Told[] = await hypervisor.ok("GET", "/TaskTag");
  return all.filter(({ taskTag }) => tags.has(taskTag));
}

/** So that the time for a check does not grow: those that ran, which have lived through kills, and those that did not. */
async function removeSome(hypervisor: HypervisorUnderTest): Promise<void> {
  const vms: readonly Told[] = await hypervisor.ok("GET", "/VirDomain");
  for (const { uuid } of vms.slice(0, Math.max(0, vms.length - keptMachines))) {
    // It can be used, and one that did not run can be started: its disks are whole.
    await hypervisor.act(uuid, "START");
    await hypervisor.act(uuid, "STOP");
    await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
  }
}
