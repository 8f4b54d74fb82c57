import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";

import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeIso } from "#base/iso9660.ts";
import { makeArchive } from "./busybox-image.ts";
import type { HypervisorUnderTest } from "./hypervisor.ts";

/** How each runtime starts the workload: an image from a medium, its port 80 on the machine's. */
const workloads = {
  gantry: [
    "gantry load -i /run/workload/image.tar",
    "gantry run -d --name web --restart always -p 80:80 test/web:latest",
  ],
  docker: [
    "docker load -i /run/workload/image.tar",
    "docker run -d --name web --restart always -p 80:80 test/web:latest",
  ],
  containerd: [
    "ctr images import /run/workload/image.tar",
    "ctr run -d --net-host docker.io/test/web:latest web",
  ],
} as const;

export type DeployedRuntime = keyof typeof workloads;
export const deployedRuntimes = Object.keys(workloads) as readonly DeployedRuntime[];

/** Milliseconds after the request to start the machine. */
export interface DeployTimes {
  readonly started: number;
  /** The guest agent told an address. */
  readonly address: number;
  readonly page: number;
}

const page = "served by a container\n";

/** Starts the workload's unit when the runtime is up, without the rest of cloud-init in its way. */
function userData(runtime: DeployedRuntime): string {
  const unit = {
    gantry: "gantry.service",
    docker: "docker.service",
    containerd: "containerd.service",
  }[runtime];
  const steps = ["mount -o ro LABEL=WORKLOAD /run/workload", ...workloads[runtime]];
  return `#cloud-config
write_files:
  - path: /etc/systemd/system/workload.service
    content: |
      [Unit]
      Wants=${unit}
      After=${unit}
      [Service]
      Type=oneshot
      RemainAfterExit=yes
      TimeoutStartSec=infinity
      ExecStartPre=mkdir -p /run/workload
${steps.map((step) => `      ExecStart=${step}\n`).join("")}
bootcmd:
  - [systemctl, daemon-reload]
runcmd:
  - [systemctl, start, --no-block, workload.service]
`;
}

/** The image that is deployed: busybox's web server with one page. */
function workloadMedium(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "gantry-workload-"));
  try {
    const archive = makeArchive(
      folder,
      "test/web:latest",
      { Cmd: ["httpd", "-f", "-p", "80", "-h", "/www"] },
      (rootfs) => {
        mkdirSync(join(rootfs, "www"));
        writeFileSync(join(rootfs, "www/index.html"), page);
      },
    );
    return writeIso("WORKLOAD", [{ name: "image.tar", bytes: readFileSync(archive) }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * From REST calls alone: uploads the image, makes a machine that cloud-init configures, starts it, waits for the address that the
 * guest agent tells, and fetches a page that a container serves in it.
 */
export async function deploy(
  hypervisor: HypervisorUnderTest,
  runtime: DeployedRuntime,
  image: string,
  signal: AbortSignal,
): Promise<DeployTimes> {
  const bytes = readFileSync(image);
  const upload = `/VirtualDisk/upload?filename=${runtime}.qcow2&filesize=${bytes.length}`;
  const disk = await hypervisor.done("PUT", upload, undefined, { bytes });
  const medium = workloadMedium();
  const iso = { name: `workload-${runtime}.iso`, size: medium.length, readyForInsert: false };
  const isoUUID = await hypervisor.done("POST", "/ISO", iso);
  await hypervisor.ok("PUT", `/ISO/${isoUUID}/data/`, undefined, { bytes: Buffer.from(medium) });
  await hypervisor.done("PATCH", `/ISO/${isoUUID}`, { readyForInsert: true });
  const uuid = await hypervisor.done("POST", "/VirDomain", {
    dom: {
      name: `node-${runtime}`,
      mem: 1 << 30,
      numVCPU: 2,
      blockDevs: [
        { type: "VIRTIO_DISK", capacity: 0, path: `scribe/${disk}` },
        { type: "IDE_CDROM", capacity: 0, path: `scribe/${isoUUID}` },
      ],
      netDevs: [{ vlan: 0, type: "VIRTIO" }],
      cloudInitData: { userData: Buffer.from(userData(runtime)).toString("base64"), metaData: "" },
    },
    options: {},
  });
  const before = performance.now();
  const elapsed = () => Math.round(performance.now() - before);
  await hypervisor.act(uuid, "START");
  const started = elapsed();
  const address = await addressOf(hypervisor, uuid, signal);
  const addressed = elapsed();
  assert.equal(await fetchPage(`http://${address}/`, signal), page);
  return { started, address: addressed, page: elapsed() };
}

/** The machine's first address, once its guest agent tells one. */
export async function addressOf(
  hypervisor: HypervisorUnderTest,
  uuid: string,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    const answer = await hypervisor.api("GET", `/VirDomain/${uuid}`);
    assert.equal(answer.status, 200, hypervisor.log.slice(-3000));
    const [{ netDevs, state }] = answer.json;
    assert.equal(state, "RUNNING");
    const [address] = netDevs[0].ipv4Addresses as readonly string[];
    if (address !== undefined) return address;
    await sleep(250, undefined, { signal });
  }
}

/** The machine answers with the page, or not yet. */
async function fetchPage(url: string, signal: AbortSignal): Promise<string> {
  for (;;)
    try {
      const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]) });
      if (answer.status === 200) return await answer.text();
    } catch {
      signal.throwIfAborted();
      await sleep(250, undefined, { signal });
    }
}
