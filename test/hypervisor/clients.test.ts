import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HypervisorUnderTest, type RestAnswer, type Told } from "../support/hypervisor.ts";

// What public clients send, in the order in which they send it.

let hypervisor: HypervisorUnderTest;

before(async () => {
  hypervisor = await HypervisorUnderTest.start();
});
after(async () => await hypervisor[Symbol.asyncDispose]());

const base64 = (text: string) => Buffer.from(text).toString("base64");
const finalStates = ["COMPLETE", "ERROR"];

/** A client that logs in for each of its tasks and never logs out, as Ansible does. */
class Session {
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(sessionID: string, type: string) {
    this.#headers = { Cookie: `sessionID=${sessionID}`, Accept: "application/json", "Content-type": type };
  }

  static async open(): Promise<Session> {
    const body = { username: "admin", password: hypervisor.password, useOIDC: false };
    const { json } = await hypervisor.api("POST", "/login", body, { headers: {} });
    return new Session(json.sessionID, "application/json");
  }

  async send(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return await hypervisor.api(method, path, body, { headers: this.#headers });
  }

  async get(path: string): Promise<Told> {
    const { status, json, text } = await this.send("GET", path);
    assert.equal(status, 200, `${path}: ${text}`);
    assert.ok(Array.isArray(json), path);
    return json;
  }

  /** A change, and its task until it is done. @returns the uuid of what it made */
  async change(method: string, path: string, body?: unknown): Promise<string> {
    const { status, json, text } = await this.send(method, path, body);
    assert.equal(status, 200, `${method} ${path}: ${text}`);
    assert.equal(typeof json.taskTag, "string");
    assert.equal(typeof json.createdUUID, "string");
    for (;;) {
      if (json.taskTag === "") return json.createdUUID;
      const [task] = await this.get(`/TaskTag/${json.taskTag}`);
      assert.notEqual(task.state, "UNINITIALIZED");
      if (!finalStates.includes(task.state)) continue;
      assert.equal(task.state, "COMPLETE", JSON.stringify(task));
      return json.createdUUID;
    }
  }

  async vmNamed(name: string): Promise<Told> {
    const found = (await this.get("/VirDomain")).filter((vm: Told) => vm.name === name);
    assert.equal(found.length, 1, name);
    return found[0];
  }
}

async function uploaded(name: string, size: string): Promise<string> {
  const path = join(hypervisor.folder, name);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, size]);
  const bytes = readFileSync(path);
  const headers = {
    Authorization: `Basic ${base64(`admin:${hypervisor.password}`)}`,
    "Content-Type": "application/octet-stream",
  };
  const to = `/VirtualDisk/upload?filename=${name}&filesize=${bytes.length}`;
  const { json } = await hypervisor.api("PUT", to, undefined, { bytes, headers });
  await hypervisor.task(json.taskTag);
  const found = (await hypervisor.ok("GET", "/VirtualDisk")).filter((disk: Told) => disk.name === name);
  assert.equal(found.length, 1);
  return found[0].uuid;
}

/** Fields whose absence makes Ansible's mapping fail. */
const needed: Readonly<Record<"vm" | "disk" | "nic" | "node", readonly string[]>> = {
  vm: "uuid nodeUUID name tags description mem numVCPU state netDevs blockDevs bootDevices operatingSystem affinityStrategy snapshotScheduleUUID snapUUIDs machineType sourceVirDomainUUID".split(
    " ",
  ),
  disk: "uuid virDomainUUID type cacheMode capacity slot name disableSnapshotting tieringPriorityFactor mountPoints readOnly".split(
    " ",
  ),
  nic: "uuid virDomainUUID type macAddress vlan connected ipv4Addresses".split(" "),
  node: "uuid backplaneIP lanIP peerID".split(" "),
};

function assertHas(kind: keyof typeof needed, record: Told): void {
  for (const field of needed[kind]) assert.ok(field in record, `${kind}.${field}`);
}

test("the public recipe: an image becomes a template, the template a machine that runs", async () => {
  const session = await Session.open();
  const image = await uploaded("jammy.qcow2", "3M");
  const dom = {
    name: "template",
    description: "",
    tags: "template",
    mem: 0,
    numVCPU: 0,
    blockDevs: [],
    netDevs: [],
    bootDevices: [],
  };
  const template = await session.change("POST", "/VirDomain", {
    dom,
    options: { attachGuestToolsISO: true },
  });
  const attach = {
    options: { regenerateDiskID: false, readOnly: false },
    template: { virDomainUUID: template, type: "VIRTIO_DISK", capacity: 3 << 20, slot: 1 },
  };
  const disk = await session.change("POST", `/VirtualDisk/${image}/attach`, attach);
  await session.change("PATCH", `/VirDomain/${template}`, { bootDevices: [disk] });
  const cloudInitData = {
    userData: base64("#cloud-config\npackages: [qemu-guest-agent]\n"),
    metaData: base64("local-hostname: node\n"),
  };
  const body = { template: { name: "node", tags: "template,k3s", cloudInitData } };
  const node = await session.change("POST", `/VirDomain/${template}/clone`, body);
  const [cloned] = await session.get(`/VirDomain/${node}`);
  assert.deepEqual(
    [cloned.state, cloned.tags, cloned.sourceVirDomainUUID],
    ["SHUTOFF", "template,k3s", template],
  );
  const [own, seed] = cloned.blockDevs;
  assert.deepEqual(cloned.bootDevices, [own.uuid]);
  assert.deepEqual([own.slot, seed.type, seed.name], [1, "IDE_CDROM", `cloud-init-${node.slice(0, 8)}.iso`]);
  await session.change("PATCH", `/VirDomainBlockDevice/${own.uuid}`, { capacity: 10_000_000_000.0 });
  const nic = await session.change("POST", "/VirDomainNetDevice", {
    virDomainUUID: node,
    type: "VIRTIO",
    vlan: 0,
    macAddress: "",
  });
  await session.change("PATCH", `/VirDomainNetDevice/${nic}`, {
    virDomainUUID: node,
    type: "VIRTIO",
    vlan: 0,
    macAddress: "7c:4c:58:01:23:45",
    uuid: nic,
  });
  await session.change("PATCH", `/VirDomain/${node}`, {
    mem: 67_108_864,
    numVCPU: 1,
    tags: "k3s",
    description: "d",
    machineType: "scale-bios-9.3",
  });
  await session.change("POST", "/VirDomain/action", [
    { virDomainUUID: node, actionType: "START", cause: "INTERNAL" },
  ]);
  const [running] = await session.get(`/VirDomain/${node}`);
  assert.deepEqual(
    [running.state, running.guestAgentState, running.netDevs[0].ipv4Addresses],
    ["RUNNING", "UNAVAILABLE", []],
  );
  assert.deepEqual(
    [running.blockDevs[0].capacity, running.netDevs[0].macAddress],
    [10_000_000_000, "7c:4c:58:01:23:45"],
  );
  await session.change("POST", "/VirDomain/action", [
    { virDomainUUID: node, actionType: "STOP", nodeUUID: "" },
  ]);
  for (const uuid of [node, template]) await session.change("DELETE", `/VirDomain/${uuid}`);
  await session.change("DELETE", `/VirtualDisk/${image}`);
});

test("Ansible's tasks: each with a login, machines looked up by name, nodes asked again and again", async () => {
  const vm = await ansibleVm();
  await ansibleDisks(vm);
  await ansibleSnapshots(vm);
  const session = await Session.open();
  const delta = { virDomainUUID: vm, actionType: "STOP" };
  await session.change("POST", "/VirDomain/action", [delta]);
  await session.change("DELETE", `/VirDomain/${vm}`);
  assert.deepEqual(await session.get("/VirDomainSnapshot"), []);
});

async function ansibleVm(): Promise<string> {
  const session = await Session.open();
  assert.equal((await session.get("/Cluster"))[0].icosVersion, "9.4.17.215487");
  const dom = {
    name: "ansible",
    description: "Demo VM",
    mem: 67_108_864,
    numVCPU: 2,
    blockDevs: [
      { type: "VIRTIO_DISK", cacheMode: "NONE", capacity: 5_000_000_000, uuid: "primaryDrive" },
      { type: "IDE_CDROM", cacheMode: "NONE", capacity: 0 },
      { type: "NVRAM", capacity: 540_672 },
      { type: "VTPM", capacity: 0 },
    ],
    netDevs: [
      { type: "RTL8139", vlan: 1 },
      { type: "VIRTIO", vlan: 2, macAddress: "12:00:04:8d:00:08" },
    ],
    bootDevices: [],
    tags: "my-group,ci",
  };
  const options = { attachGuestToolsISO: false, machineTypeKeyword: "bios" };
  const uuid = await session.change("POST", "/VirDomain", { dom, options });
  for (let i = 0; i < 2; i++) for (const node of await session.get("/Node")) assertHas("node", node);
  const vm = await session.vmNamed("ansible");
  assertHas("vm", vm);
  for (const disk of vm.blockDevs) assertHas("disk", disk);
  for (const nic of vm.netDevs) assertHas("nic", nic);
  assert.deepEqual(
    vm.blockDevs.map(({ slot }: Told) => slot),
    [0, 0, -1, -1],
  );
  assert.deepEqual(Object.keys(vm.affinityStrategy).sort(), [
    "backupNodeUUID",
    "preferredNodeUUID",
    "strictAffinity",
  ]);
  const bootDevices = [vm.blockDevs[0].uuid, vm.netDevs[0].uuid];
  await session.change("PATCH", `/VirDomain/${uuid}`, { bootDevices, uuid });
  const { blockDevs: _, netDevs: __, ...unchanged } = dom;
  await session.change("PATCH", `/VirDomain/${uuid}`, { ...unchanged, bootDevices, name: "ansible" });
  await session.change("POST", "/VirDomain/action", [
    { virDomainUUID: uuid, actionType: "START", cause: "INTERNAL" },
  ]);
  // A change of what runs is seen at once.
  await session.change("PATCH", `/VirDomain/${uuid}`, { numVCPU: 1, operatingSystem: "os_other" });
  assert.deepEqual(
    [(await session.vmNamed("ansible")).numVCPU, (await session.vmNamed("ansible")).state],
    [1, "RUNNING"],
  );
  assert.equal(
    (await session.send("POST", "/VirDomain/action", [{ virDomainUUID: uuid, actionType: "RESET" }])).status,
    200,
  );
  return uuid;
}

async function ansibleDisks(vm: string): Promise<void> {
  const session = await Session.open();
  const disk = {
    virDomainUUID: vm,
    type: "SCSI_DISK",
    capacity: 10_737_418_240,
    slot: 0,
    cacheMode: "WRITEBACK",
    tieringPriorityFactor: 64,
    disableSnapshotting: false,
  };
  const made = await session.change("POST", "/VirDomainBlockDevice", disk);
  const bigger = { ...disk, capacity: 10_838_160_384.0, cacheMode: "NONE", uuid: made };
  await session.change("PATCH", `/VirDomainBlockDevice/${made}`, bigger);
  const [now] = await session.get(`/VirDomainBlockDevice/${made}`);
  assert.deepEqual(
    [now.capacity, now.cacheMode, now.tieringPriorityFactor, now.name],
    [10_838_160_384, "NONE", 64, ""],
  );
  await session.change("DELETE", `/VirDomainBlockDevice/${made}`);
  assert.deepEqual(await session.get(`/VirDomainBlockDevice/${made}`), []);
  const cdrom = (await session.vmNamed("ansible")).blockDevs.find(({ type }: Told) => type === "IDE_CDROM");
  await session.change("POST", `/VirDomainBlockDevice/${cdrom.uuid}`, {
    type: "IDE_CDROM",
    path: "",
    name: "",
    capacity: 0,
    slot: 0,
    virDomainUUID: vm,
  });
  const nic = { virDomainUUID: vm, type: "VIRTIO", vlan: 3, macAddress: "" };
  const added = await session.change("POST", "/VirDomainNetDevice", nic);
  await session.change("PATCH", `/VirDomainNetDevice/${added}`, { ...nic, vlan: 4, connected: false });
  await session.change("DELETE", `/VirDomainNetDevice/${added}`);
}

async function ansibleSnapshots(vm: string): Promise<void> {
  const session = await Session.open();
  const label = "snapshot-0";
  const body = {
    domainUUID: vm,
    label,
    type: "USER",
    replication: true,
    localRetainUntilTimestamp: 1_900_000_000.0,
    remoteRetainUntilTimestamp: 0.0,
  };
  const snapshot = await session.change("POST", "/VirDomainSnapshot", body);
  const [told] = await session.get(`/VirDomainSnapshot/${snapshot}`);
  assert.deepEqual(
    [told.label, told.localRetainUntilTimestamp, told.domain.snapshotSerialNumber],
    [label, 1_900_000_000, 1],
  );
  const [first] = told.domain.blockDevs;
  const copy = {
    options: { regenerateDiskID: false, readOnly: true },
    snapUUID: snapshot,
    template: {
      virDomainUUID: vm,
      type: "VIRTIO_DISK",
      capacity: first.capacity,
      chacheMode: "NONE",
      slot: 42,
      disableSnapshotting: false,
      tieringPriorityFactor: 8,
    },
  };
  const attached = await session.change("POST", `/VirDomainBlockDevice/${first.uuid}/clone`, copy);
  const [disk] = await session.get(`/VirDomainBlockDevice/${attached}`);
  assert.deepEqual([disk.slot, disk.readOnly, disk.capacity % (1 << 20)], [42, true, 0]);
  assert.equal((await session.send("PATCH", `/VirDomainSnapshot/${snapshot}`, {})).status, 405);
  const schedule = {
    name: "hourly",
    rrules: [
      {
        dtstart: "2023-02-01 00:00:00",
        rrule: "FREQ=MINUTELY;INTERVAL=5",
        name: "rrule",
        localRetentionDurationSeconds: 1_296_000,
        remoteRetentionDurationSeconds: 0,
      },
    ],
  };
  const made = await session.change("POST", "/VirDomainSnapshotSchedule", schedule);
  await session.change("PATCH", `/VirDomain/${vm}`, { snapshotScheduleUUID: made });
  assert.equal((await session.vmNamed("ansible")).snapshotScheduleUUID, made);
  await session.change("PATCH", `/VirDomain/${vm}`, { snapshotScheduleUUID: "" });
  await session.change("DELETE", `/VirDomainSnapshotSchedule/${made}`);
}

test("Ansible's settings: written blindly by their literal ids, read back without waiting", async () => {
  const session = await Session.open();
  const writes = [
    [
      "POST",
      "DNSConfig",
      "dnsconfig_guid",
      { serverIPs: ["1.1.1.1"], searchDomains: ["sub_domain.example.com"] },
    ],
    ["PATCH", "DNSConfig", "dnsconfig_guid", { serverIPs: [], searchDomains: [] }],
    ["PATCH", "TimeSource", "timesource_guid", { host: "europe.pool.ntp.org" }],
    ["PATCH", "TimeZone", "timezone_guid", { timeZone: "US/Eastern" }],
    [
      "PATCH",
      "Registration",
      "registration_guid",
      { companyName: "C", contact: "J", phone: "056789987", email: "j@example.com" },
    ],
    [
      "PATCH",
      "AlertSMTPConfig",
      "smtpconfig_guid",
      {
        smtpServer: "smtp.example.com",
        port: 25.0,
        useSSL: false,
        authUser: "u",
        authPassword: "p",
        fromAddress: "f@example.com",
      },
    ],
  ] as const;
  for (const [method, kind, uuid, body] of writes) {
    assert.equal((await session.send(method, `/${kind}/${uuid}`, body)).status, 200, kind);
    const [now] = await session.get(`/${kind}/${uuid}`);
    for (const [name, value] of Object.entries(body))
      assert.deepEqual(now[name], name === "authPassword" ? "" : value, `${kind}.${name}`);
  }
  const roles = await session.get("/Role");
  const user = {
    username: "ansible",
    password: "secret-word",
    fullName: "A",
    roleUUIDs: roles.map(({ uuid }: Told) => uuid).slice(0, 2),
    sessionLimit: 0,
  };
  const { json } = await session.send("POST", "/User", user);
  assert.equal(json.taskTag, "");
  assert.equal(
    (await session.send("PATCH", `/User/${json.createdUUID}`, { fullName: "B" })).json.taskTag,
    "",
  );
  assert.equal((await session.get(`/User/${json.createdUUID}`))[0].fullName, "B");
  assert.equal((await session.send("DELETE", `/User/${json.createdUUID}`)).status, 200);
});

test("Terraform's resources: slashes at the end, parts of objects, the boot order by itself", async () => {
  const session = await Session.open();
  const image = await uploaded("terraform.qcow2", "2M");
  const dom = { name: "terraform", cloudInitData: { userData: "", metaData: "" } };
  const vm = await session.change("POST", "/VirDomain/", { dom, options: {} });
  const affinityStrategy = { strictAffinity: false };
  await session.change("PATCH", `/VirDomain/${vm}`, {
    description: "d",
    tags: "t,u",
    mem: 4_294_967_296,
    numVCPU: 4,
    affinityStrategy,
    snapshotScheduleUUID: "",
  });
  const template = { virDomainUUID: vm, type: "VIRTIO_DISK", capacity: 2_400_000_000 };
  const disk = await session.change("POST", `/VirtualDisk/${image}/attach/`, {
    options: { regenerateDiskID: false, readOnly: false },
    template,
  });
  const second = await session.change("POST", "/VirDomainBlockDevice/", {
    virDomainUUID: vm,
    type: "IDE_DISK",
    capacity: 1_000_000_000.0,
  });
  const nic = await session.change("POST", "/VirDomainNetDevice/", {
    virDomainUUID: vm,
    type: "VIRTIO",
    vlan: 11,
    macAddress: "",
  });
  await session.change("PATCH", `/VirDomainNetDevice/${nic}`, { type: "INTEL_E1000", vlan: 12 });
  await session.change("POST", `/VirDomain/${vm}`, { bootDevices: [nic, disk, second] });
  const [now] = await session.get(`/VirDomain/${vm}/`);
  assert.deepEqual(now.bootDevices, [nic, disk, second]);
  assert.deepEqual(
    [now.netDevs[0].type, now.netDevs[0].vlan, now.blockDevs[0].capacity],
    ["INTEL_E1000", 12, 2_400_000_000],
  );
  // An unknown one is an empty list: a 404 would end Terraform.
  for (const path of [`/VirDomain/${disk}`, `/TaskTag/99999`, `/ISO/${vm}`])
    assert.deepEqual(await session.get(path), []);
  const iso = await session.change("POST", "/ISO/", { name: "tf.iso", size: 2048, readyForInsert: true });
  const bytes = Buffer.alloc(2048, 1);
  await hypervisor.ok("PUT", `/ISO/${iso}/data/`, undefined, { bytes });
  await session.change("DELETE", `/ISO/${iso}/`);
  await session.change("DELETE", `/VirDomainBlockDevice/${second}/`);
  assert.deepEqual((await session.get(`/VirDomain/${vm}`))[0].bootDevices, [nic, disk]);
  await session.change("DELETE", `/VirDomain/${vm}/`);
  await session.change("DELETE", `/VirtualDisk/${image}`);
});
