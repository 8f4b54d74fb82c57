import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { operationShapes } from "#api/hypercore/shapes.ts";
import { HypervisorUnderTest } from "../support/hypervisor.ts";

let hypervisor: HypervisorUnderTest;

before(async () => {
  hypervisor = await HypervisorUnderTest.start();
});
after(async () => await hypervisor[Symbol.asyncDispose]());

const unknown = "11111111-1111-4111-8111-111111111111";
const base64 = (text: string) => Buffer.from(text).toString("base64");

test("a session begins with a login, works by its cookie, and ends with a logout", async () => {
  const credentials = { username: "admin", password: hypervisor.password, useOIDC: false };
  const login = await hypervisor.api("POST", "/login", credentials, { headers: {} });
  assert.equal(login.status, 200);
  const { sessionID } = login.json;
  assert.match(String(login.headers["set-cookie"]), new RegExp(`^sessionID=${sessionID}; Path=/;`));
  const headers = { Cookie: `sessionID=${sessionID}` };
  assert.equal((await hypervisor.api("GET", "/VirDomain", undefined, { headers })).status, 200);
  assert.equal((await hypervisor.api("POST", "/logout", undefined, { headers })).status, 200);
  assert.equal((await hypervisor.api("GET", "/VirDomain", undefined, { headers })).status, 401);
});

test("errors have the statuses and shapes that clients know", async () => {
  const wrong = { Authorization: `Basic ${base64("admin:wrong")}` };
  const refused = await hypervisor.api("GET", "/VirDomain", undefined, { headers: wrong });
  assert.equal(refused.status, 401);
  assert.match(String(refused.headers["www-authenticate"]), /^Basic realm=/);
  assert.equal(typeof refused.json.error, "string");
  assert.equal((await hypervisor.api("GET", "/Nothing")).status, 404);
  assert.equal((await hypervisor.api("GET", "/virdomain")).status, 404);
  const method = await hypervisor.api("PUT", "/VirDomain");
  assert.equal(method.status, 405);
  assert.equal((await hypervisor.api("PATCH", `/VirDomainSnapshot/${unknown}`, {})).status, 405);
  assert.equal((await hypervisor.api("GET", "/VirDomain?name=x")).status, 400);
  assert.equal((await hypervisor.api("POST", "/VirDomain", undefined, { bytes: "{no" })).status, 400);
  assert.equal((await hypervisor.api("GET", "/ping", undefined, { headers: {} })).json.status, "Active");
});

test("every operation of the API is served, if only to say that it is not done here", async () => {
  const missing = new Set<string>();
  for (const { method, path } of operationShapes) {
    const headers = { Cookie: "sessionID=none" };
    const filled = path.replaceAll(/\{\w+\}/g, "x");
    const { status } = await hypervisor.api(method, `/${filled}`, undefined, { headers });
    const isServed = status === 401 || (status !== 405 && (filled.endsWith("login") || method === "GET"));
    if (!isServed) missing.add(filled.replace("/rest/v1", ""));
  }
  assert.deepEqual([...missing], []);
});

test("a replication is kept and told, one for a machine", async () => {
  const vm = await hypervisor.newVm("replicated", []);
  const body = { sourceDomainUUID: vm, connectionUUID: unknown, enable: true, label: "l" };
  const uuid = await hypervisor.done("POST", "/VirDomainReplication", body);
  const second = await hypervisor.api("POST", "/VirDomainReplication", body);
  assert.equal(second.status, 400);
  assert.match(second.json.error, /Failed to create replication/);
  await hypervisor.done("PATCH", `/VirDomainReplication/${uuid}`, { enable: false });
  const [kept] = await hypervisor.ok("GET", `/VirDomainReplication/${uuid}`);
  assert.deepEqual([kept.enable, kept.label, kept.targetDomainUUID], [false, "l", ""]);
  assert.deepEqual((await hypervisor.vm(vm)).replicationUUIDs, [uuid]);
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
  assert.deepEqual(await hypervisor.ok("GET", "/VirDomainReplication"), []);
});

test("bodies are strict: no unknown names, no other types, but whole numbers written as fractions", async () => {
  const create = async (dom: unknown, options: unknown = {}) =>
    (await hypervisor.api("POST", "/VirDomain", { dom, options })).status;
  assert.equal(await create({ name: "x", colour: 1 }), 400);
  assert.equal(await create({ name: 1 }), 400);
  assert.equal(await create({ name: "x", mem: "64" }), 400);
  assert.equal(await create({ name: "x", blockDevs: [{ type: "FLOPPY", capacity: 1 }] }), 400);
  assert.equal((await hypervisor.api("POST", "/VirDomain", { dom: { name: "x" } })).status, 400);
  for (const name of ["constructor", "toString", "__proto__"])
    assert.equal(
      (
        await hypervisor.api("POST", "/VirDomain", undefined, {
          bytes: `{"dom":{},"options":{},"${name}":{}}`,
        })
      ).status,
      400,
      name,
    );
  const bytes = `{"dom":{"name":"whole","mem":67108864.0,"numVCPU":0},"options":{}}`;
  const uuid = await hypervisor.done("POST", "/VirDomain", undefined, { bytes });
  assert.equal((await hypervisor.vm(uuid)).mem, 67_108_864);
  await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
});

test("one of a collection is a list, an unknown one an empty list, and slashes at the end mean nothing", async () => {
  const kinds = ["VirDomain", "VirDomainBlockDevice", "VirDomainNetDevice", "VirtualDisk", "ISO", "User"];
  for (const kind of [...kinds, "VirDomainSnapshot", "VirDomainSnapshotSchedule", "Node", "TaskTag"]) {
    assert.deepEqual(await hypervisor.ok("GET", `/${kind}/${unknown}`), [], kind);
    assert.ok(Array.isArray(await hypervisor.ok("GET", `/${kind}/`)), kind);
  }
  const [cluster] = await hypervisor.ok("GET", "/Cluster");
  assert.equal(cluster.icosVersion, "9.4.17.215487");
  const [node] = await hypervisor.ok("GET", "/Node/");
  assert.ok(node.peerID >= 1 && node.lanIP !== "" && node.backplaneIP !== "");
});

test("settings are read back at once, as they were written", async () => {
  const changes = [
    ["DNSConfig", "dnsconfig_guid", { serverIPs: ["192.0.2.1"], searchDomains: ["example.com"] }],
    ["TimeSource", "timesource_guid", { host: "time.example.com" }],
    ["TimeZone", "timezone_guid", { timeZone: "Europe/Ljubljana" }],
    ["Registration", "registration_guid", { companyName: "C", email: "c@example.com" }],
    ["AlertSMTPConfig", "smtpconfig_guid", { smtpServer: "smtp.example.com", port: 465 }],
  ] as const;
  for (const [kind, uuid, change] of changes) {
    await hypervisor.done("PATCH", `/${kind}/${uuid}`, change);
    const [now] = await hypervisor.ok("GET", `/${kind}/${uuid}`);
    for (const [name, value] of Object.entries(change)) assert.deepEqual(now[name], value, `${kind}.${name}`);
    await hypervisor.done("PATCH", `/${kind}/${uuid}`, {});
    assert.equal((await hypervisor.api("PATCH", `/${kind}/${uuid}`, { nonsense: 1 })).status, 400);
  }
  const target = { host: "log.example.com", port: 6514, protocol: "SYSLOG_PROTOCOL_TCP" };
  const { taskTag, createdUUID } = await hypervisor.ok("POST", "/AlertSyslogTarget", target);
  assert.equal(taskTag, "");
  assert.equal((await hypervisor.ok("GET", `/AlertSyslogTarget/${createdUUID}`))[0].port, 6514);
  await hypervisor.ok("DELETE", `/AlertSyslogTarget/${createdUUID}`);
  assert.deepEqual(await hypervisor.ok("GET", "/AlertSyslogTarget"), []);
});

test("a mail is sent to who asks for a test of alerts, and one that cannot be is told as clients know it", async () => {
  const lines: string[] = [];
  const server = createServer((socket) => {
    let isText = false;
    socket.write("220 mail.example.com\r\n");
    createInterface(socket).on("line", (line) => {
      lines.push(line);
      if (line === ".") isText = false;
      if (!isText)
        socket.write(
          line.startsWith("EHLO")
            ? "250-hello\r\n250 SIZE\r\n"
            : line === "DATA"
              ? "354 go\r\n"
              : "250 OK\r\n",
        );
      isText ||= line === "DATA";
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const config = {
    smtpServer: "127.0.0.1",
    port,
    useSSL: false,
    authUser: "",
    fromAddress: "from@example.com",
  };
  await hypervisor.done("PATCH", "/AlertSMTPConfig/smtpconfig_guid", config);
  const { createdUUID } = await hypervisor.ok("POST", "/AlertEmailTarget", {
    emailAddress: "to@example.com",
  });
  await hypervisor.ok("POST", `/AlertEmailTarget/${createdUUID}/test`);
  for (const line of ["MAIL FROM:<from@example.com>", "RCPT TO:<to@example.com>", "Subject: Test of alerts"])
    assert.ok(lines.includes(line), lines.join("\n"));
  server.close();
  const refused = await hypervisor.api("POST", `/AlertEmailTarget/${createdUUID}/test`);
  assert.equal(refused.status, 400);
  assert.match(refused.json.error, /^There was an error sending alert to to@example.com. Please verify/);
  await hypervisor.ok("DELETE", `/AlertEmailTarget/${createdUUID}`);
});

test("a user may what the roles say and no more, and the password is never told", async () => {
  const roles = await hypervisor.ok("GET", "/Role");
  const role = roles.find(({ name }: { name: string }) => name === "Read").uuid;
  const user = { username: "reader", password: "some long secret", fullName: "R", roleUUIDs: [role] };
  const { taskTag, createdUUID } = await hypervisor.ok("POST", "/User", user);
  assert.equal(taskTag, "");
  const [made] = await hypervisor.ok("GET", `/User/${createdUUID}`);
  assert.deepEqual([made.username, made.fullName, made.password], ["reader", "R", ""]);
  const headers = { Authorization: `Basic ${base64("reader:some long secret")}` };
  assert.equal((await hypervisor.api("GET", "/VirDomain", undefined, { headers })).status, 200);
  const dom = { dom: { name: "no" }, options: {} };
  assert.equal((await hypervisor.api("POST", "/VirDomain", dom, { headers })).status, 403);
  assert.equal((await hypervisor.api("DELETE", `/User/${createdUUID}`, undefined, { headers })).status, 403);
  await hypervisor.ok("DELETE", `/User/${createdUUID}`);
  assert.equal((await hypervisor.api("GET", "/VirDomain", undefined, { headers })).status, 401);
});

test("an ISO comes in three steps and is told with what it is in", async () => {
  const iso = { name: "medium.iso", size: 4096, readyForInsert: false };
  const uuid = await hypervisor.done("POST", "/ISO", iso);
  assert.equal((await hypervisor.api("POST", "/ISO", iso)).status, 400);
  assert.equal((await hypervisor.api("GET", `/ISO/${uuid}/data`)).status, 405);
  await hypervisor.ok("PUT", `/ISO/${uuid}/data/`, undefined, { bytes: Buffer.alloc(4096, 1) });
  await hypervisor.done("PATCH", `/ISO/${uuid}`, { readyForInsert: true });
  const [kept] = await hypervisor.ok("GET", `/ISO/${uuid}`);
  assert.deepEqual([kept.size, kept.readyForInsert, kept.path], [4096, true, `scribe/${uuid}`]);

  const vm = await hypervisor.newVm("drive", ["IDE_CDROM"]);
  const [drive] = (await hypervisor.vm(vm)).blockDevs;
  assert.deepEqual([drive.path, drive.name, drive.capacity], ["", "", 0]);
  await hypervisor.act(vm, "START");
  const insert = { path: kept.path, name: kept.name };
  await hypervisor.done("PATCH", `/VirDomainBlockDevice/${drive.uuid}`, insert);
  assert.deepEqual((await hypervisor.ok("GET", `/ISO/${uuid}`))[0].mounts, [{ vmUUID: vm, vmName: "drive" }]);
  assert.equal((await hypervisor.api("DELETE", `/ISO/${uuid}`)).status, 400);
  const eject = { path: "", name: "", type: "IDE_CDROM", capacity: 0 };
  await hypervisor.done("POST", `/VirDomainBlockDevice/${drive.uuid}`, eject);
  assert.equal((await hypervisor.vm(vm)).blockDevs[0].capacity, 0);
  await hypervisor.done("DELETE", `/ISO/${uuid}`);
  await hypervisor.act(vm, "STOP");
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
});

function image(name: string, ...flags: readonly string[]): Buffer {
  const path = join(hypervisor.folder, name);
  execFileSync("/usr/bin/qemu-img", ["create", "-q", ...flags.slice(0, 2), path, ...flags.slice(2)]);
  return readFileSync(path);
}

async function upload(name: string, bytes: Buffer) {
  const path = `/VirtualDisk/upload?filename=${name}&filesize=${bytes.length}`;
  return await hypervisor.api("PUT", path, undefined, { bytes });
}

test("an uploaded disk has its virtual size, and becomes disks of machines", async () => {
  const answer = await upload("small.qcow2", image("small.qcow2", "-f", "qcow2", "3M"));
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await hypervisor.task(answer.json.taskTag)).state, "COMPLETE");
  const disk = answer.json.createdUUID;
  const [kept] = await hypervisor.ok("GET", `/VirtualDisk/${disk}`);
  assert.deepEqual([kept.name, kept.capacityBytes], ["small.qcow2", 3 << 20]);

  // As kubesolo does it: by its path, and with the name of a boot device.
  const dom = {
    name: "kubesolo",
    mem: 64 << 20,
    numVCPU: 1,
    blockDevs: [{ type: "VIRTIO_DISK", capacity: 1 << 20, path: `scribe/${disk}` }],
    bootDevices: ["virtio-disk0"],
    cloudInitData: { userData: base64("#cloud-config\n"), metaData: "" },
  };
  const vm = await hypervisor.done("POST", "/VirDomain", { dom, options: {} });
  const made = await hypervisor.vm(vm);
  assert.equal(made.blockDevs[0].capacity, 3 << 20);
  assert.deepEqual(made.bootDevices, [made.blockDevs[0].uuid]);
  assert.equal(made.blockDevs[1].name, `cloud-init-${vm.slice(0, 8)}.iso`);

  const template = { virDomainUUID: vm, type: "VIRTIO_DISK", capacity: 0, slot: 1, chacheMode: "NONE" };
  const attach = { options: { regenerateDiskID: false, readOnly: false }, template };
  await hypervisor.done("POST", `/VirtualDisk/${disk}/attach`, attach);
  assert.equal((await hypervisor.vm(vm)).blockDevs.at(-1).capacity, 3 << 20);
  assert.equal((await hypervisor.ok("DELETE", `/VirtualDisk/${disk}`)).taskTag, "");
  await hypervisor.act(vm, "START");
  await hypervisor.act(vm, "STOP");
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
  assert.deepEqual(await hypervisor.ok("GET", "/ISO"), []);
});

test("images that are none, or that name other files, are refused and leave nothing", async () => {
  const refusal = await upload("medium.iso", Buffer.alloc(10));
  assert.equal(refusal.status, 400);
  assert.match(refusal.json.error, /File type is invalid/);
  assert.equal((await upload("../x.qcow2", Buffer.alloc(10))).status, 400);
  const backed = image("backed.qcow2", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", "1M");
  const text = Buffer.from('# Disk DescriptorFile\nversion=1\nRW 8 FLAT "/etc/shadow" 0\n');
  for (const [name, bytes] of [
    ["backed.qcow2", backed],
    ["text.vmdk", text],
    ["text.qcow2", text],
    ["text.vhdx", text],
  ] as const) {
    const answer = await upload(name, bytes);
    assert.equal(answer.status, 200);
    assert.equal((await hypervisor.task(answer.json.taskTag)).state, "ERROR", name);
  }
  assert.deepEqual(await hypervisor.ok("GET", "/VirtualDisk"), []);
  assert.deepEqual(await hypervisor.strayFiles(), []);
});

test("machines are made as Ansible and Terraform make them", async () => {
  const ansible = {
    name: "ansible",
    description: "d",
    tags: "a,b",
    mem: 512_100_100,
    numVCPU: 2,
    blockDevs: [
      { cacheMode: "WRITEBACK", type: "VIRTIO_DISK", capacity: 10_000_000_000, uuid: "primaryDrive" },
    ],
    netDevs: [{ vlan: 7, type: "VIRTIO", macAddress: "7c:4c:58:00:00:01" }],
    bootDevices: [],
    cloudInitData: { userData: base64("not yaml: ["), metaData: base64("dsmode: local") },
  };
  const uuid = await hypervisor.done("POST", "/VirDomain", {
    dom: ansible,
    options: { attachGuestToolsISO: true, machineTypeKeyword: "uefi" },
  });
  const vm = await hypervisor.vm(uuid);
  assert.deepEqual([vm.mem, vm.machineTypeKeyword, vm.state], [512_100_100, "uefi", "SHUTOFF"]);
  assert.notEqual(vm.blockDevs[0].uuid, "primaryDrive");
  assert.deepEqual([vm.netDevs[0].vlan, vm.netDevs[0].macAddress], [7, "7c:4c:58:00:00:01"]);
  await hypervisor.done("PATCH", `/VirDomain/${uuid}`, {
    bootDevices: [vm.blockDevs[0].uuid, vm.netDevs[0].uuid],
    description: "d2",
  });
  assert.equal((await hypervisor.vm(uuid)).bootDevices.length, 2);
  assert.deepEqual(await hypervisor.vm(uuid), await hypervisor.vm(uuid));
  await hypervisor.done("DELETE", `/VirDomain/${uuid}`);

  const dom = { name: "terraform", cloudInitData: { userData: "", metaData: "" } };
  const bare = await hypervisor.done("POST", "/VirDomain", { dom, options: {} });
  const made = await hypervisor.vm(bare);
  assert.deepEqual([made.blockDevs, made.netDevs, made.numVCPU], [[], [], 0]);
  await hypervisor.done("DELETE", `/VirDomain/${bare}`);
  const broken = { name: "x", blockDevs: [{ capacity: 1 << 20 }], cloudInitData: { userData: "%%" } };
  assert.equal((await hypervisor.api("POST", "/VirDomain", { dom: broken, options: {} })).status, 400);
  assert.deepEqual(await hypervisor.strayFiles(), []);
});

test("actions do what clients wait for, in every state", async () => {
  const vm = await hypervisor.newVm("power");
  const act = async (actionType: string) =>
    (await hypervisor.api("POST", "/VirDomain/action", [{ virDomainUUID: vm, actionType }])).status;
  const state = async () => (await hypervisor.vm(vm)).state;
  await hypervisor.act(vm, "STOP");
  assert.equal(await act("RESET"), 500);
  assert.equal(await act("SHUTDOWN"), 500);
  await hypervisor.act(vm, "START");
  await hypervisor.act(vm, "START");
  const started = await hypervisor.vm(vm);
  assert.deepEqual([started.state, started.desiredDisposition], ["RUNNING", "RUNNING"]);
  assert.equal(started.affinityStrategy.preferredNodeUUID, started.nodeUUID);
  const shutdown = [{ virDomainUUID: vm, actionType: "SHUTDOWN", nodeUUID: "" }];
  assert.equal((await hypervisor.ok("POST", "/VirDomain/action", shutdown)).taskTag, "");
  assert.equal(await state(), "RUNNING");
  await hypervisor.act(vm, "PAUSE");
  assert.equal(await state(), "PAUSED");
  await hypervisor.act(vm, "START");
  await hypervisor.act(vm, "RESET");
  assert.equal(await state(), "RUNNING");
  assert.equal(await act("LIVEMIGRATE"), 400);
  assert.equal((await hypervisor.api("DELETE", `/VirDomain/${vm}`)).status, 400);
  await hypervisor.done("PATCH", `/VirDomain/${vm}`, { mem: 128 << 20 });
  assert.equal((await hypervisor.vm(vm)).mem, 128 << 20);
  await hypervisor.act(vm, "STOP");
  const stopped = await hypervisor.vm(vm);
  assert.deepEqual([stopped.state, stopped.desiredDisposition, stopped.nodeUUID], ["SHUTOFF", "SHUTOFF", ""]);
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
  assert.deepEqual(await hypervisor.ok("GET", `/VirDomain/${vm}`), []);
});

/** What a file of the machine's cgroups says, whichever hierarchy it is in. */
function limitOf(vm: string, ...files: readonly string[]): string | undefined {
  const own = hypervisor.cgroups().filter((folder) => folder.endsWith(vm));
  const [found] = own
    .flatMap((folder) => files.map((file) => join(folder, file)))
    .filter((file) => existsSync(file));
  return found === undefined ? undefined : readFileSync(found, "utf8").trim();
}

test("a machine has its memory and its CPUs and no more, also when another daemon has found it", async () => {
  const vm = await hypervisor.newVm("limited", ["VIRTIO_DISK"]);
  await hypervisor.act(vm, "START");
  const [pid] = hypervisor.processes("qemu-system");
  const check = () => {
    const memory = Number(limitOf(vm, "memory.limit_in_bytes", "memory.max"));
    assert.ok(memory > 500 << 20 && memory < 1500 << 20, `${memory}`);
    assert.match(limitOf(vm, "cpu.cfs_quota_us", "cpu.max") ?? "", /^200000( 100000)?$/);
    assert.equal(limitOf(vm, "pids.max"), "257");
    assert.equal(limitOf(vm, "cgroup.procs"), String(pid));
  };
  check();
  await hypervisor.stop("SIGKILL");
  await hypervisor.up();
  check();
  await hypervisor.act(vm, "STOP");
  assert.deepEqual(
    hypervisor.cgroups().filter((folder) => folder.endsWith(vm)),
    [],
  );
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
});

test("the screen of a running machine is a websocket for who may see it", async () => {
  const vm = await hypervisor.newVm("screen", []);
  await hypervisor.act(vm, "START");
  const authorization = `Basic ${base64(`admin:${hypervisor.password}`)}`;
  const look = async (headers: Readonly<Record<string, string>>, path = `/console/${vm}/vnc`) => {
    const client = new WebSocket(`wss://127.0.0.1:${hypervisor.port}${path}`, "binary", {
      headers,
      rejectUnauthorized: false,
    });
    try {
      const [first] = await once(client, "message", { signal: AbortSignal.timeout(10_000) });
      return String(first);
    } catch (error) {
      return String(error);
    } finally {
      client.terminate();
    }
  };
  assert.equal(await look({ authorization }), "RFB 003.008\n");
  assert.match(await look({}), /401/);
  assert.match(await look({ authorization }, `/console/${unknown}/vnc`), /404/);
  await hypervisor.act(vm, "STOP");
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
});

test("a running machine is snapshotted and cloned, and its copies outlive it", async () => {
  const vm = await hypervisor.newVm("source", ["VIRTIO_DISK", "SCSI_DISK"]);
  await hypervisor.act(vm, "START");
  const take = async (label: string) =>
    await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm, label });
  const first = await take("one");
  const second = await take("two");
  const [snapshot] = await hypervisor.ok("GET", `/VirDomainSnapshot/${second}`);
  assert.deepEqual([snapshot.label, snapshot.blockCountDiffFromSerialNumber], ["two", 1]);
  assert.deepEqual((await hypervisor.vm(vm)).snapUUIDs, [first, second]);
  const template = { name: "copy", cloudInitData: { userData: base64("#cloud-config\n") } };
  const copy = await hypervisor.done("POST", `/VirDomain/${vm}/clone`, { template, snapUUID: "" });
  const old = await hypervisor.done("POST", `/VirDomain/${vm}/clone`, { template: {}, snapUUID: first });
  const [source, made] = [await hypervisor.vm(vm), await hypervisor.vm(copy)];
  assert.deepEqual([source.state, made.state, made.name], ["RUNNING", "SHUTOFF", "copy"]);
  assert.notEqual(made.netDevs[0].macAddress, source.netDevs[0].macAddress);
  assert.equal(made.blockDevs.length, 3);
  await hypervisor.done("DELETE", `/VirDomainSnapshot/${first}`);
  await hypervisor.act(vm, "STOP");
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
  for (const uuid of [copy, old]) await hypervisor.act(uuid, "START");
  assert.deepEqual(await hypervisor.strayFiles(), []);
  for (const uuid of [copy, old]) {
    await hypervisor.act(uuid, "STOP");
    await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
  }
});

test("disks and NICs of a running machine are added, grown and removed", async () => {
  const vm = await hypervisor.newVm("devices", ["IDE_DISK", "SCSI_DISK"]);
  await hypervisor.act(vm, "START");
  const device = { virDomainUUID: vm, type: "SCSI_DISK", capacity: 1 << 20 };
  const added = await hypervisor.done("POST", "/VirDomainBlockDevice/", device);
  await hypervisor.done("PATCH", `/VirDomainBlockDevice/${added}`, { capacity: 2 << 20 });
  await hypervisor.done("PATCH", `/VirDomainBlockDevice/${added}`, { capacity: 1 << 20 });
  assert.equal((await hypervisor.vm(vm)).blockDevs.at(-1).capacity, 2 << 20);
  const ide = (await hypervisor.vm(vm)).blockDevs[0].uuid;
  const { taskTag } = await hypervisor.ok("DELETE", `/VirDomainBlockDevice/${ide}`);
  const task = await hypervisor.task(taskTag);
  assert.equal(task.state, "ERROR");
  assert.equal(task.formattedMessage, "Unable to delete block device from VM '%@': Still in use");
  assert.deepEqual(task.messageParameters, ["devices"]);
  await hypervisor.done("DELETE", `/VirDomainBlockDevice/${added}`);
  const [nic] = (await hypervisor.vm(vm)).netDevs;
  const change = { vlan: 12, virDomainUUID: vm, type: "VIRTIO", macAddress: nic.macAddress };
  await hypervisor.done("PATCH", `/VirDomainNetDevice/${nic.uuid}`, change);
  await hypervisor.done("PATCH", `/VirDomainNetDevice/${nic.uuid}`, { connected: false });
  assert.deepEqual((await hypervisor.ok("GET", `/VirDomainNetDevice/${nic.uuid}`))[0].vlan, 12);
  assert.equal(
    (await hypervisor.api("PATCH", `/VirDomainNetDevice/${nic.uuid}`, { vlan: 4095 })).status,
    400,
  );
  await hypervisor.act(vm, "STOP");
  await hypervisor.done("DELETE", `/VirDomainBlockDevice/${ide}`);
  await hypervisor.done("DELETE", `/VirDomainNetDevice/${nic.uuid}`);
  assert.equal((await hypervisor.vm(vm)).netDevs.length, 0);
  await hypervisor.done("DELETE", `/VirDomain/${vm}`);
  assert.deepEqual(await hypervisor.strayFiles(), []);
});
