// Virtual machines on this host: how long clients wait, and what the daemon takes with many of them.
//   node test/hypervisor/figures.ts [--rounds=10] [--machines=20]
// A hypervisor of its own is started in a temporary folder. Machines have nothing to boot and idle in their firmware.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { HypervisorUnderTest } from "../support/hypervisor.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "10" }, machines: { type: "string", default: "20" } },
});
const rounds = Number(values.rounds);

await using hypervisor = await HypervisorUnderTest.start();

function median(times: readonly number[]): string {
  return `${(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0).toFixed(0)} ms`;
}

async function timed(work: (round: number) => Promise<void>): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const begin = performance.now();
    await work(i);
    times.push(performance.now() - begin);
  }
  return median(times);
}

function residentMiB(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

async function remove(uuid: string): Promise<void> {
  await hypervisor.act(uuid, "STOP");
  await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
}

const lines: string[] = [];
const alone = residentMiB(hypervisor.pid);
const many: string[] = [];
for (let i = 0; i < Number(values.machines); i++) {
  const small = {
    name: `s${i}`,
    mem: 32 << 20,
    numVCPU: 1,
    blockDevs: [{ type: "VIRTIO_DISK", capacity: 1 << 20 }],
    netDevs: [{ vlan: 0, type: "VIRTIO" }],
  };
  const uuid = await hypervisor.done("POST", "/VirDomain", { dom: small, options: {} });
  await hypervisor.act(uuid, "START");
  many.push(uuid);
}
const list = await timed(async () => void (await hypervisor.ok("GET", "/VirDomain")));
lines.push(`list of ${many.length} machines that run: ${list}`);
const busy = residentMiB(hypervisor.pid);
await new Promise((resolve) => setTimeout(resolve, 8000)); // it gives memory back when nobody has asked for five seconds
lines.push(
  `the daemon's memory, ${many.length} machines running: ${residentMiB(hypervisor.pid).toFixed(0)} MiB at rest, ${busy.toFixed(0)} MiB before, ${alone.toFixed(0)} MiB with none`,
);
for (const uuid of many) await remove(uuid);

const made: string[] = [];
const toMake = await timed(async (i) => void made.push(await hypervisor.newVm(`m${i}`)));
lines.push(`a machine with a disk and a NIC is made: ${toMake}`);
const toStart = await timed(async (i) => await hypervisor.act(made[i] ?? "", "START"));
lines.push(`POST of START to RUNNING: ${toStart}`);
const toSnapshot = await timed(
  async (i) => void (await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: made[i] })),
);
lines.push(`snapshot of one that runs: ${toSnapshot}`);
for (const uuid of made) await remove(uuid);

// A disk of 10 GB with 256 MiB in it.
const image = join(hypervisor.folder, "ten.raw");
execFileSync("sh", [
  "-c",
  `head -c 268435456 /dev/urandom > ${image} && truncate -s 10000000000 ${image} && qemu-img convert -f raw -O qcow2 ${image} ${image}.qcow2`,
]);
const bytes = readFileSync(`${image}.qcow2`);
const disk = await hypervisor.done(
  "PUT",
  `/VirtualDisk/upload?filename=ten.qcow2&filesize=${bytes.length}`,
  undefined,
  { bytes },
);
const dom = {
  name: "ten",
  mem: 64 << 20,
  numVCPU: 1,
  blockDevs: [{ type: "VIRTIO_DISK", capacity: 0, path: `scribe/${disk}` }],
};
const source = await hypervisor.done("POST", "/VirDomain", { dom, options: {} });
for (const state of ["is off", "runs"]) {
  if (state === "runs") await hypervisor.act(source, "START");
  const copies: string[] = [];
  const toClone = await timed(async (i) => {
    copies.push(await hypervisor.done("POST", `/VirDomain/${source}/clone`, { template: { name: `c${i}` } }));
  });
  lines.push(`clone of a machine with a disk of 10 GB that ${state}: ${toClone}`);
  for (const uuid of copies) await remove(uuid);
}
await remove(source);

process.stdout.write(`${lines.join("\n")}\n`);
