import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { operationShapes, typeShapes } from "#api/hypercore/shapes.ts";
import { HypervisorUnderTest } from "../support/hypervisor.ts";

let hypervisor: HypervisorUnderTest;

before(async () => {
  hypervisor = await HypervisorUnderTest.start();
});
after(async () => await hypervisor[Symbol.asyncDispose]());

/** Makes, starts, keeps, copies and removes machines until the daemon is gone. */
async function work(round: number, made: Map<string, "kept" | "leaving">): Promise<void> {
  try {
    for (let i = 0; ; i++) {
      const uuid = await hypervisor.newVm(`vm-${round}-${i}`, ["VIRTIO_DISK", "SCSI_DISK"]);
      made.set(uuid, "kept");
      await hypervisor.act(uuid, "START");
      await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: uuid, label: "s" });
      const copy = await hypervisor.done("POST", `/VirDomain/${uuid}/clone`, { template: { name: "copy" } });
      made.set(copy, "leaving");
      await hypervisor.done("DELETE", `/VirDomain/${copy}`);
      if (i % 2 === 0) continue;
      made.set(uuid, "leaving");
      await hypervisor.act(uuid, "STOP");
      await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
    }
  } catch (error) {
    // The daemon has gone; what it answered before counts.
    const { code } = error as NodeJS.ErrnoException;
    if (!["ECONNRESET", "ECONNREFUSED", "EPIPE"].includes(code ?? "")) throw error;
  }
}

test("a daemon that is killed at any moment loses no machine, no disk and no task", async () => {
  for (let round = 0; round < 10; round++) {
    const made = new Map<string, "kept" | "leaving">();
    const working = Promise.all([work(round, made), work(round + 100, made)]);
    await sleep(100 + Math.random() * 1500);
    await hypervisor.stop("SIGKILL");
    await working;
    const running = hypervisor.processes("qemu-system");
    await hypervisor.up();
    assert.deepEqual(hypervisor.processes("qemu-system"), running, "machines go on");
    for (const task of await hypervisor.ok("GET", "/TaskTag"))
      assert.ok(["COMPLETE", "ERROR"].includes(task.state), JSON.stringify(task));
    const vms = await hypervisor.ok("GET", "/VirDomain");
    const alive = vms.filter(({ state }: { state: string }) => state === "RUNNING");
    assert.equal(alive.length, running.length, "machines are found");
    for (const [uuid, fate] of made)
      if (fate === "kept")
        assert.ok(
          vms.some((vm: { uuid: string }) => vm.uuid === uuid),
          `lost ${uuid}`,
        );
    assert.deepEqual(await hypervisor.strayFiles(), [], `round ${round}`);
    for (const { uuid } of vms) {
      // It can be used, and a machine that did not run can be started: its disks are whole.
      await hypervisor.act(uuid, "START");
      await hypervisor.act(uuid, "STOP");
      await hypervisor.done("DELETE", `/VirDomain/${uuid}`);
    }
    assert.deepEqual(hypervisor.processes("qemu-system"), []);
    assert.deepEqual(await hypervisor.strayFiles(), []);
  }
});

const words = [
  "",
  "a",
  "\0",
  "../../etc/passwd",
  "constructor",
  "__proto__",
  "%@",
  "é".repeat(300),
  "-1",
  "{{",
];
const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e300, 2 ** 53, "RUNNING", "VIRTIO_DISK", "START"),
  fc.constantFrom<unknown>(...words),
  fc.integer(),
  fc.string(),
);
const fieldNames = [
  ...new Set(
    Object.values(typeShapes).flatMap((shape) => ("fields" in shape ? Object.keys(shape.fields) : [])),
  ),
  "dom",
  "options",
  "template",
  "username",
  "toString",
];
const hostile = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...fieldNames), tie("value"), { maxKeys: 5 }),
  ),
})).value;

/** A value that its type allows, but for what is hostile in it. */
function plausible(type: string, depth = 0): fc.Arbitrary<unknown> {
  const [, container, item = ""] = /^(array|map)<(.+)>$/.exec(type) ?? [];
  if (container === "array") return fc.array(plausible(item, depth + 1), { maxLength: 2 });
  if (type === "string") return fc.constantFrom<unknown>(...words, hypervisor.folder, "scribe/x");
  if (type === "boolean") return fc.boolean();
  if (type === "integer" || type === "number")
    return fc.constantFrom<unknown>(-1, 0, 1, 5000, 1 << 20, 2 ** 40, 2 ** 53 - 1, 1e18);
  const shape = typeShapes[type];
  if (shape === undefined || depth > 3) return hostile;
  if ("enum" in shape) return fc.constantFrom(...shape.enum);
  if (!("fields" in shape)) return fc.string();
  const members = Object.entries(shape.fields).map(([name, field]) => [
    name,
    plausible(field.type, depth + 1),
  ]);
  return fc.record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [],
  });
}

test("no body of any shape is unexpected to any route", async () => {
  const changing = operationShapes.filter(
    ({ method, path }) => method !== "GET" && !/shutdown|Certificate|log(in|out)$/.test(path),
  );
  const vm = await hypervisor.newVm("target");
  const { blockDevs, netDevs } = await hypervisor.vm(vm);
  const snapshot = await hypervisor.done("POST", "/VirDomainSnapshot", { domainUUID: vm });
  const uuidFor: Readonly<Record<string, string>> = {
    VirDomain: vm,
    VirDomainBlockDevice: blockDevs[0].uuid,
    VirDomainNetDevice: netDevs[0].uuid,
    VirDomainSnapshot: snapshot,
    DNSConfig: "dnsconfig_guid",
    TimeZone: "timezone_guid",
  };
  const request = fc.constantFrom(...changing).chain(({ method, path }) => {
    const [, , , kind = ""] = path.split("/");
    const filled = `/${path.replaceAll(/\{\w+\}/g, uuidFor[kind] ?? "x")}`;
    const bare = plausible(kind);
    const body = fc.oneof(
      bare,
      hostile,
      fc.record({ dom: bare, options: fc.constant({}) }),
      fc.record({
        template: plausible(kind),
        options: fc.constant({}),
        snapUUID: fc.constantFrom("", snapshot),
      }),
      fc.array(plausible("VirDomainActionDescription"), { maxLength: 2 }),
    );
    return body.map((value) => ({ method, path: `/${filled.slice(1)}`, value }));
  });
  const pid = hypervisor.pid;
  for (const { method, path, value } of fc.sample(request, 500)) {
    if (method === "DELETE" && path.includes(vm)) continue;
    const answer = await hypervisor.api(method, `/${path}`, value);
    const told = `${method} ${path} ${JSON.stringify(value)}: ${answer.status} ${answer.text}`;
    assert.ok(!hypervisor.log.includes("request failed"), `${told}\n${hypervisor.log.slice(-2000)}`);
    assert.ok(answer.status !== 500 || /An internal error occurred/.test(answer.text), told);
    if (answer.status === 200) await hypervisor.task(answer.json.taskTag ?? "");
  }
  assert.equal(hypervisor.pid, pid);
  assert.equal((await hypervisor.ok("GET", "/ping")).status, "Active");
  assert.deepEqual(await hypervisor.strayFiles(), []);
});
