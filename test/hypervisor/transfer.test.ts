import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { HypervisorUnderTest } from "../support/hypervisor.ts";

let hypervisor: HypervisorUnderTest;

before(async () => {
  hypervisor = await HypervisorUnderTest.start();
});
after(async () => await hypervisor[Symbol.asyncDispose]());

const unknown = "11111111-1111-4111-8111-111111111111";

/** A raw image of some megabytes with something in each of them. */
function patterned(name: string, megabytes: number): string {
  const path = join(hypervisor.folder, name);
  const bytes = Buffer.alloc(megabytes << 20);
  for (let i = 0; i < megabytes; i++) bytes.fill(i + 1, (i << 20) + 4096, (i << 20) + 300_000);
  writeFileSync(path, bytes);
  return path;
}

/** A machine whose first disk begins as the image, and whose second one is blank. */
async function newSource(name: string, image: string): Promise<string> {
  const bytes = readFileSync(image);
  const path = `/VirtualDisk/upload?filename=${name}.raw&filesize=${bytes.length}`;
  const disk = await hypervisor.done("PUT", path, undefined, { bytes });
  const dom = {
    name,
    description: 'with <tags> & "quotes"',
    tags: "one,two",
    mem: 64 << 20,
    numVCPU: 2,
    blockDevs: [
      { type: "VIRTIO_DISK", capacity: 0, path: `scribe/${disk}` },
      { type: "IDE_CDROM", capacity: 0 },
      { type: "SCSI_DISK", capacity: 1 << 20, cacheMode: "WRITEBACK", slot: 3 },
    ],
    netDevs: [{ vlan: 7, type: "VIRTIO", connected: false }],
  };
  const uuid = await hypervisor.done("POST", "/VirDomain", { dom, options: {} });
  const { blockDevs, netDevs } = await hypervisor.vm(uuid);
  const bootDevices = [netDevs[0].uuid, blockDevs[0].uuid];
  await hypervisor.done("PATCH", `/VirDomain/${uuid}`, { bootDevices });
  await hypervisor.ok("DELETE", `/VirtualDisk/${disk}`);
  return uuid;
}

async function exported(uuid: string, target: Readonly<Record<string, unknown>>, more = {}): Promise<void> {
  await hypervisor.done("POST", `/VirDomain/${uuid}/export`, { target, ...more });
}

async function failure(path: string, body: unknown): Promise<string> {
  const answer = await hypervisor.api("POST", path, body);
  if (answer.status !== 200) return `${answer.status}: ${answer.json.error}`;
  const task = await hypervisor.task(answer.json.taskTag);
  assert.equal(task.state, "ERROR", JSON.stringify(task));
  return task.formattedMessage;
}

async function removeAll(...uuids: readonly string[]): Promise<void> {
  for (const uuid of uuids) {
    await hypervisor.act(uuid, "STOP");
    await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
  }
  assert.deepEqual(await hypervisor.strayFiles(), []);
}

function imagesIn(folder: string): readonly string[] {
  return readdirSync(join(hypervisor.exchange, folder)).filter((file) => file.endsWith(".qcow2"));
}

/** What identifies a device in this server, or comes from its state. */
function comparable(vm: Awaited<ReturnType<HypervisorUnderTest["vm"]>>): unknown {
  const { uuid: _, ...rest } = vm;
  const bare = ({ type, slot, capacity, cacheMode, vlan, connected }: Readonly<Record<string, unknown>>) => ({
    type,
    slot,
    capacity,
    cacheMode,
    vlan,
    connected,
  });
  const order = [...vm.netDevs, ...vm.blockDevs].map(({ uuid }: { uuid: string }) =>
    vm.bootDevices.indexOf(uuid),
  );
  return [
    rest.description,
    rest.tags,
    rest.mem,
    rest.numVCPU,
    rest.machineType,
    vm.blockDevs.map(bare),
    vm.netDevs.map(bare),
    order,
  ];
}

test("a machine that runs is exported to a folder and comes back as it was", async () => {
  const image = patterned("pattern.raw", 8);
  const source = await newSource("moved", image);
  await hypervisor.act(source, "START");
  await exported(source, { pathURI: "file:///backups/moved" });
  const files = readdirSync(join(hypervisor.exchange, "backups/moved"));
  assert.deepEqual(
    files.filter((file) => !file.endsWith(".qcow2")),
    ["moved.xml"],
  );
  assert.equal(files.length, 3);
  const definition = readFileSync(join(hypervisor.exchange, "backups/moved/moved.xml"), "utf8");
  const [, first] = /name="scribe\/([^"]+)"/.exec(definition) ?? [];
  const flat = join(hypervisor.exchange, `backups/moved/${first}.qcow2`);
  assert.match(compared(image, flat), /identical/);
  assert.ok(!execFileSync("qemu-img", ["info", flat]).toString().includes("backing"));

  const body = { source: { pathURI: "file:///backups/moved" }, template: { name: "back" } };
  const back = await hypervisor.done("POST", "/VirDomain/import", body);
  const [before, now] = [await hypervisor.vm(source), await hypervisor.vm(back)];
  assert.deepEqual([now.name, now.state], ["back", "SHUTOFF"]);
  assert.deepEqual(comparable(now), comparable(before));
  // The one that is there keeps its address.
  assert.notEqual(now.netDevs[0].macAddress, before.netDevs[0].macAddress);
  await hypervisor.act(back, "START");

  // Again, over what is there, with another name for the definition.
  await exported(source, {
    pathURI: "file:///backups/moved",
    compress: true,
    compat: "0.10",
    format: "qcow2",
  });
  assert.equal(imagesIn("backups/moved").length, 2);
  assert.ok(!imagesIn("backups/moved").includes(`${first}.qcow2`));
  await exported(source, { pathURI: "file:///backups/moved", definitionFileName: "other.xml" });
  assert.equal(imagesIn("backups/moved").length, 4);
  assert.deepEqual(
    readdirSync(hypervisor.exchange).filter(
      (name) => name !== "backups" && readdirSync(join(hypervisor.exchange, name)).length > 0,
    ),
    [],
  );
  await removeAll(source, back);
});

test("a snapshot is exported as the machine was then", async () => {
  const vm = await hypervisor.newVm("then");
  const snapshot = await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm, label: "s" });
  await hypervisor.done("PATCH", `/VirDomain/${vm}`, { name: "now", mem: 128 << 20 });
  await exported(vm, { pathURI: "file:///then", definitionFileName: "then" }, { snapUUID: snapshot });
  const cloudInitData = { userData: Buffer.from("#cloud-config\n").toString("base64"), metaData: "" };
  const source = { pathURI: "file:///then", definitionFileName: "then.xml" };
  const back = await hypervisor.done("POST", "/VirDomain/import", { source, template: { cloudInitData } });
  const { name, mem, blockDevs, bootDevices } = await hypervisor.vm(back);
  assert.deepEqual([name, mem, blockDevs.length], ["then", 64 << 20, 2]);
  assert.equal(blockDevs[1].name, `cloud-init-${back.slice(0, 8)}.iso`);
  assert.deepEqual(bootDevices, [blockDevs[0].uuid]);
  await removeAll(vm, back);
});

/** A web server that takes files by PUT, and `hold` of whose requests wait. */
class FileServer implements AsyncDisposable {
  readonly files = new Map<string, Buffer>();
  readonly held = Promise.withResolvers<void>();
  hold = "";
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async listen(): Promise<string> {
    this.#server.listen(0, "0.0.0.0");
    await once(this.#server, "listening");
    // The host's address on the machines' network: what listens on loopback alone is out of reach.
    return `http://10.98.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "", method } = request;
    if (this.hold !== "" && url.endsWith(this.hold)) return this.held.resolve();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (method === "PUT") this.files.set(url, Buffer.concat(chunks));
    if (method === "DELETE") this.files.delete(url);
    const file = this.files.get(url);
    response.statusCode = url.startsWith("/locked/")
      ? 403
      : file === undefined && method !== "DELETE"
        ? 404
        : 200;
    response.end(method === "GET" && response.statusCode === 200 ? file : undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

test("machines go to a web server and come from there; what it refuses leaves nothing", async () => {
  await using web = new FileServer();
  const uri = await web.listen();
  const image = patterned("web.raw", 3);
  const source = await newSource("web", image);
  await exported(source, { pathURI: `${uri}/vms/web/`, definitionFileName: "machine" });
  assert.equal(web.files.size, 3);
  const body = { source: { pathURI: `${uri}/vms/web`, definitionFileName: "machine.xml" } };
  const back = await hypervisor.done("POST", "/VirDomain/import", body);
  assert.deepEqual(comparable(await hypervisor.vm(back)), comparable(await hypervisor.vm(source)));
  await removeAll(back);

  const path = `/VirDomain/${source}/export`;
  assert.match(await failure(path, { target: { pathURI: `${uri}/locked/x` } }), /refuses .*: 403/);
  assert.match(
    await failure("/VirDomain/import", { source: { pathURI: `${uri}/none` } }),
    /There is no 'none.xml'/,
  );
  const own = uri.replace("10.98.0.1", "127.0.0.1");
  for (const address of [own, own.replace("127.0.0.1", "localhost"), "http://169.254.169.254"])
    assert.match(
      await failure("/VirDomain/import", { source: { pathURI: `${address}/x` } }),
      /this host's own/,
    );
  web.files.delete([...web.files.keys()].find((file) => file.endsWith(".qcow2")) ?? "");
  assert.match(await failure("/VirDomain/import", body), /There is no '.*qcow2'/);
  await removeAll(source);
});

test("what is no machine is refused, and nothing of it stays", async () => {
  const vm = await hypervisor.newVm("plain");
  const path = `/VirDomain/${vm}/export`;
  for (const target of [
    {},
    { pathURI: "" },
    { pathURI: "ftp://x/y" },
    { pathURI: "file:///" },
    { pathURI: "file:///.x/y" },
  ])
    assert.match(await failure(path, { target }), /^400: /);
  for (const more of [{ format: "raw" }, { compat: "3" }, { definitionFileName: "../x" }, { colour: 1 }])
    assert.match(await failure(path, { target: { pathURI: "file:///x", ...more } }), /^400: /);
  assert.match(await failure(`/VirDomain/${unknown}/export`, { target: { pathURI: "file:///x" } }), /^404: /);
  assert.match(await failure(path, { target: { pathURI: "smb://u:p@192.0.2.1/share" } }), /^400: /);
  symlinkSync("/etc", join(hypervisor.exchange, "link"));
  assert.match(await failure(path, { target: { pathURI: "file:///link" } }), /links are not followed/);
  assert.ok(!existsSync("/etc/link.xml"));

  const folder = join(hypervisor.exchange, "bad");
  mkdirSync(folder);
  const load = async (text: string) => {
    writeFileSync(join(folder, "bad.xml"), text);
    return await failure("/VirDomain/import", { source: { pathURI: "file:///bad" } });
  };
  const disk = '<disk><source name="scribe/x"/><target dev="vda" bus="virtio"/></disk>';
  const domain = (inside: string) => `<domain><devices>${inside}</devices></domain>`;
  assert.match(await load("<a><b></a>"), /no XML/);
  assert.match(await load('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/shadow">]><a>&x;</a>'), /no XML/);
  assert.match(await load("<network/>"), /not that of a VM/);
  assert.match(await load(domain('<disk><source name="/etc/shadow"/></disk>')), /Invalid file name/);
  assert.match(await load(domain(disk)), /There is no 'x.qcow2'/);
  symlinkSync("/etc/shadow", join(folder, "x.qcow2"));
  assert.match(await load(domain(disk)), /links are not followed/);
  execFileSync("rm", [join(folder, "x.qcow2")]);
  execFileSync("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-u",
    "-b",
    "/etc/shadow",
    "-F",
    "raw",
    join(folder, "x.qcow2"),
    "1M",
  ]);
  assert.match(await load(domain(disk)), /name other files/);
  assert.deepEqual(await hypervisor.ok("GET", "/VirDomain").then((all: unknown[]) => all.length), 1);
  await removeAll(vm);
});

test("a daemon that is killed while it exports or imports leaves nothing half", async () => {
  const source = await newSource("killed", patterned("killed.raw", 32));
  const staging = join(
    hypervisor.exchange,
    readdirSync(hypervisor.exchange).find((name) => name.startsWith(".gantry")) ?? "",
  );
  const watching = watch(staging);
  const begun = once(watching, "change");
  await hypervisor.ok("POST", `/VirDomain/${source}/export`, { target: { pathURI: "file:///killed" } });
  await begun;
  watching.close();
  await hypervisor.stop("SIGKILL");
  await hypervisor.up();
  assert.ok(!existsSync(staging));
  const folder = join(hypervisor.exchange, "killed");
  const left = existsSync(folder) ? readdirSync(folder) : [];
  assert.ok(left.length === 0 || left.length === 3, left.join());

  await using web = new FileServer();
  const uri = await web.listen();
  await exported(source, { pathURI: `${uri}/killed` });
  web.hold = [...web.files.keys()].filter((file) => file.endsWith(".qcow2"))[1] ?? "?";
  const { taskTag, createdUUID } = await hypervisor.ok("POST", "/VirDomain/import", {
    source: { pathURI: `${uri}/killed` },
  });
  await web.held.promise;
  await hypervisor.stop("SIGKILL");
  await hypervisor.up();
  assert.equal((await hypervisor.task(taskTag)).state, "ERROR");
  assert.deepEqual(await hypervisor.ok("GET", `/VirDomain/${createdUUID}`), []);
  await removeAll(source);
});

/** The file that a disk writes. */
function topOf(device: string): string {
  using database = new DatabaseSync(join(hypervisor.root, "hypervisor/state.db"), { readOnly: true });
  const row = database.prepare("SELECT record FROM records WHERE uuid = ?").get(device) as { record: string };
  return join(hypervisor.diskFolder, `${(JSON.parse(row.record) as { layer: string }).layer}.qcow2`);
}

test("a backup is told which blocks have changed between two snapshots", async () => {
  const dom = {
    name: "diff",
    mem: 64 << 20,
    numVCPU: 1,
    blockDevs: [{ type: "VIRTIO_DISK", capacity: 16 << 20 }],
  };
  const vm = await hypervisor.done("POST", "/VirDomain", { dom, options: {} });
  const device = (await hypervisor.vm(vm)).blockDevs[0].uuid;
  const write = (...commands: readonly string[]) =>
    execFileSync("qemu-io", [...commands.flatMap((command) => ["-c", command]), topOf(device)]);
  const snapshot = async () => await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm });
  await snapshot();
  write("write 3M 1M", "write 4M 64k", "write 9M 64k");
  await snapshot();
  write("write 12M 64k");
  const diff = async (snapshotSerialFrom: number, snapshotSerialTo: number) =>
    await hypervisor.ok("POST", `/VirDomainBlockDevice/${device}/snapDiff`, {
      snapshotSerialFrom,
      snapshotSerialTo,
    });
  const between = [
    { lower: 3, upper: 5 },
    { lower: 9, upper: 10 },
  ];
  assert.deepEqual(await diff(1, 2), between);
  assert.deepEqual(await diff(2, 1), between);
  assert.deepEqual(await diff(2, 2), []);
  assert.deepEqual(await diff(0, 2), [{ lower: 12, upper: 13 }]);
  await hypervisor.act(vm, "START");
  assert.deepEqual(await diff(0, 2), [{ lower: 12, upper: 13 }]);
  assert.match(
    await failure(`/VirDomainBlockDevice/${device}/snapDiff`, { snapshotSerialFrom: 1, snapshotSerialTo: 9 }),
    /^404/,
  );
  await removeAll(vm);
});

test("snapshots that have come and gone leave a short chain once the machine is off", async () => {
  const image = patterned("chain.raw", 4);
  const vm = await newSource("chain", image);
  await hypervisor.act(vm, "START");
  const take = async () => await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm });
  const kept = await take();
  for (let i = 0; i < 15; i++) await hypervisor.done("DELETE", `/VirDomainSnapshot/${await take()}`);
  const count = () => readdirSync(hypervisor.diskFolder).filter((file) => file.endsWith(".qcow2")).length;
  // QEMU may open the files of what it has open again.
  assert.ok(count() > 30, `${count()} layers of two disks`);
  await hypervisor.act(vm, "STOP");
  const deadline = performance.now() + 15_000;
  while (count() > 8 && performance.now() < deadline) await hypervisor.ok("GET", "/ping");
  assert.ok(count() <= 8, `${count()} layers of two disks`);
  await hypervisor.act(vm, "START");
  await take();
  await exported(vm, { pathURI: "file:///chain" });
  const flat = imagesIn("chain").map((file) => join(hypervisor.exchange, "chain", file));
  const same = flat.filter((path) => execFileSync("qemu-img", ["info", path]).toString().includes("4 MiB"));
  assert.match(compared(image, same[0] ?? ""), /identical/);
  const old = await hypervisor.done("POST", `/VirDomain/${vm}/clone`, { snapUUID: kept, template: {} });
  await hypervisor.act(old, "START");
  await removeAll(vm, old);
});

function compared(raw: string, qcow2: string): string {
  return execFileSync("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", raw, qcow2]).toString();
}
