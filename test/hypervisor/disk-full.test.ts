import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HypervisorUnderTest } from "../support/hypervisor.ts";
import { SmallDisk } from "../support/small-disk.ts";

const unknownToNobody = /No space left on device|disk is full|An internal error occurred/i;

/** What the request, or its task, says when it does not go well. */
async function failure(
  hypervisor: HypervisorUnderTest,
  method: string,
  path: string,
  body?: unknown,
  bytes?: Buffer,
) {
  const { status, json } = await hypervisor.api(method, path, body, bytes === undefined ? {} : { bytes });
  if (status !== 200) return `${status}: ${json.error}`;
  const task = await hypervisor.task(json.taskTag);
  assert.equal(task.state, "ERROR", JSON.stringify(task));
  return task.formattedMessage as string;
}

test("a full disk fails what needs it, stops no machine and leaves nothing", async () => {
  using disk = new SmallDisk(64);
  await using hypervisor = await HypervisorUnderTest.start(disk.path);
  const vm = await hypervisor.newVm("full", ["VIRTIO_DISK", "SCSI_DISK"]);
  await hypervisor.act(vm, "START");
  const kept = await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm });
  const before = await hypervisor.vm(vm);
  const processes = hypervisor.processes("qemu-system");
  const image = join(tmpdir(), `gantry-full-${process.pid}.raw`);
  execFileSync("sh", ["-c", `head -c 20000000 /dev/urandom > ${image}`]);
  const bytes = readFileSync(image);
  execFileSync("rm", [image]);
  const upload = `/VirtualDisk/upload?filename=big.raw&filesize=${bytes.length}`;

  // Room for the bytes and not for the disk that they are to become; then not even for the bytes; then for nothing.
  for (const leaveBytes of [30 << 20, 8 << 20, 0]) {
    if (leaveBytes === 0) disk.fillUp();
    else disk.fill(leaveBytes);
    assert.match(await failure(hypervisor, "PUT", upload, undefined, bytes), unknownToNobody);
    assert.deepEqual(await hypervisor.strayFiles(), [], `${leaveBytes} left`);
  }
  assert.match(await failure(hypervisor, "POST", "/VirDomainSnapshot", { domainUUID: vm }), unknownToNobody);
  assert.match(
    await failure(hypervisor, "POST", `/VirDomain/${vm}/clone`, { template: {} }),
    unknownToNobody,
  );
  const dom = { name: "none", blockDevs: [{ type: "VIRTIO_DISK", capacity: 1 << 20 }] };
  assert.match(await failure(hypervisor, "POST", "/VirDomain", { dom, options: {} }), unknownToNobody);
  const { latestTaskTag: _, ...now } = await hypervisor.vm(vm);
  const { latestTaskTag: __, ...then } = before;
  assert.deepEqual(now, then);
  assert.deepEqual(hypervisor.processes("qemu-system"), processes);
  assert.deepEqual(await hypervisor.strayFiles(), []);
  assert.equal((await hypervisor.ok("GET", "/VirtualDisk")).length, 0);
  assert.equal((await hypervisor.ok("GET", "/VirDomainSnapshot")).length, 1);

  disk.empty();
  await hypervisor.done("PUT", upload, undefined, { bytes });
  await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm });
  await hypervisor.done("POST", `/VirDomain/${vm}/clone`, { template: {}, snapUUID: kept });
});
