import assert from "node:assert/strict";
import fc from "fast-check";
import { operationShapes, typeShapes } from "#api/hypercore/shapes.ts";
import type { HypervisorUnderTest } from "../support/hypervisor.ts";

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
function plausible(type: string, folder: string, depth = 0): fc.Arbitrary<unknown> {
  const [, container, item = ""] = /^(array|map)<(.+)>$/.exec(type) ?? [];
  if (container === "array") return fc.array(plausible(item, folder, depth + 1), { maxLength: 2 });
  if (type === "string") return fc.constantFrom<unknown>(...words, folder, "scribe/x");
  if (type === "boolean") return fc.boolean();
  if (type === "integer" || type === "number")
    return fc.constantFrom<unknown>(-1, 0, 1, 5000, 1 << 20, 2 ** 40, 2 ** 53 - 1, 1e18);
  const shape = typeShapes[type];
  if (shape === undefined || depth > 3) return hostile;
  if ("enum" in shape) return fc.constantFrom(...shape.enum);
  if (!("fields" in shape)) return fc.string();
  const members = Object.entries(shape.fields).map(([name, field]) => [
    name,
    plausible(field.type, folder, depth + 1),
  ]);
  return fc.record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [],
  });
}

/**
 * Sends requests with bodies of every shape to every route that changes something, and asserts that none is unexpected to the
 * daemon, and that nothing half is made of any.
 */
export async function sendGeneratedBodies(hypervisor: HypervisorUnderTest, count: number): Promise<void> {
  const plausibly = (type: string) => plausible(type, hypervisor.folder);
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
    const bare = plausibly(kind);
    const body = fc.oneof(
      bare,
      hostile,
      fc.record({ dom: bare, options: fc.constant({}) }),
      fc.record({
        template: plausibly(kind),
        options: fc.constant({}),
        snapUUID: fc.constantFrom("", snapshot),
      }),
      fc.array(plausibly("VirDomainActionDescription"), { maxLength: 2 }),
    );
    return body.map((value) => ({ method, path: `/${filled.slice(1)}`, value }));
  });
  const pid = hypervisor.pid;
  for (const { method, path, value } of fc.sample(request, count)) {
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
  for (const { uuid } of await hypervisor.ok("GET", "/VirDomain"))
    assert.equal((await hypervisor.vm(uuid)).uuid, uuid);
}
