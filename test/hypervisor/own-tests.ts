import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { gantryFiles } from "#cli/os/gantry-files.ts";
import { addressOf } from "../support/deploy.ts";
import { checkout } from "../support/engine.ts";
import { HypervisorUnderTest } from "../support/hypervisor.ts";
import { buildOsImage } from "../support/os-image.ts";

// node test/hypervisor/own-tests.ts [--only PATTERN] [FILE…]: runs the engine's own tests in a virtual machine with systemd and nothing but cgroup v2.
// Under emulation everything takes ten times as long: some files at a time.

const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
const files = positionals.length === 0 ? ["test/e2e/run.test.ts", "test/e2e/update.test.ts"] : positionals;
const image = join(checkout, "dist/os/gantry-os-tests.qcow2");
const packages = ["docker-cli", "busybox-static", "bsdutils"];

/** A disk with this checkout in JavaScript, tests and all. */
function testsDisk(folder: string): string {
  const tree = join(folder, "tree");
  for (const { path, bytes, mode } of gantryFiles(checkout, ["test", "tools"])) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), bytes);
    chmodSync(join(tree, path), mode);
  }
  const disk = join(folder, "tests.raw");
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-L", "TESTS", "-d", tree, disk, "600m"], { stdio: "ignore" });
  return disk;
}

function userData(names: readonly string[]): string {
  const only = values.only === undefined ? "" : ` --test-name-pattern='${values.only}'`;
  const run =
    "node_modules/.bin/node --disable-warning=ExperimentalWarning --test --test-concurrency=1 --test-reporter=tap";
  return `#cloud-config
write_files:
  - path: /run/tests/run
    permissions: "0755"
    content: |
      #!/bin/sh
      mount LABEL=TESTS /mnt
      cd /mnt
      export PATH=/mnt/node_modules/.bin:$PATH
      grep cgroup /proc/mounts
      ${run}${only} ${names.join(" ")}
      echo "# ended with $?"
runcmd:
  - systemctl stop gantry.service
  - busybox httpd -p 8000 -h /run/tests
  - systemd-run --unit=own-tests -p Delegate=yes sh -c '/run/tests/run >/run/tests/output 2>&1'
`;
}

await using stack = new AsyncDisposableStack();
if (!existsSync(image)) await buildOsImage("gantry", image, packages);
const folder = mkdtempSync(join(tmpdir(), "gantry-own-tests-"));
stack.defer(() => rmSync(folder, { recursive: true }));
const hypervisor = stack.use(await HypervisorUnderTest.start());
const disks: string[] = [];
for (const path of [image, testsDisk(folder)]) {
  const bytes = readFileSync(path);
  const name = path.endsWith("raw") ? "tests.raw" : "tests-os.qcow2";
  const upload = `/VirtualDisk/upload?filename=${name}&filesize=${bytes.length}`;
  disks.push(await hypervisor.done("PUT", upload, undefined, { bytes }));
}
const names = files.map((file) => file.replace(/\.ts$/, ".js"));
const uuid = await hypervisor.done("POST", "/VirDomain", {
  dom: {
    name: "own-tests",
    mem: 2 ** 31,
    numVCPU: 2,
    blockDevs: disks.map((disk) => ({ type: "VIRTIO_DISK", capacity: 0, path: `scribe/${disk}` })),
    netDevs: [{ vlan: 0, type: "VIRTIO" }],
    cloudInitData: { userData: Buffer.from(userData(names)).toString("base64"), metaData: "" },
  },
  options: {},
});
await hypervisor.act(uuid, "START");
const signal = AbortSignal.timeout(7_200_000);
const url = `http://${await addressOf(hypervisor, uuid, signal)}:8000/output`;
let shown = 0;
for (;;) {
  const text = await outputOf(url, signal);
  process.stdout.write(text.slice(shown));
  shown = text.length;
  const [, code] = /^# ended with (\d+)$/m.exec(text) ?? [];
  if (code !== undefined) {
    assert.equal(code, "0");
    break;
  }
  await sleep(2000, undefined, { signal });
}

async function outputOf(address: string, until: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(address, { signal: AbortSignal.any([until, AbortSignal.timeout(10_000)]) });
    return answer.status === 200 ? await answer.text() : "";
  } catch {
    until.throwIfAborted();
    return ""; // the machine is not up yet, or busy
  }
}
