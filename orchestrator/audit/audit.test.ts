import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { auditFilesOf } from "./audit-files.ts";
import { AuditLog, type AuditLogDeps } from "./audit-log.ts";
import { defaultPolicy, judge, parseAuditPolicy } from "./audit-policy.ts";
import { Auditor } from "./auditor.ts";
import { verifyAudit } from "./verify-audit.ts";

const { signal } = new AbortController();
const jane: User = { name: "jane", groups: ["dev"] };
const pods = {
  verb: "list",
  path: "/api/v1/pods",
  resource: { group: "", version: "v1", resource: "pods", namespace: "team" },
};

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-audit-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "audit");
}

let nowMs = Date.parse("2026-01-01T00:00:00Z");
const openLog = (folder: string, limits: AuditLogDeps["limits"] = {}) =>
  new AuditLog({ folder, limits, log: silentLog, now: () => new Date((nowMs += 1000)) });

function newAuditor(log: AuditLog, rules: readonly object[] = [{ level: "Metadata" }]): Auditor {
  const policy = parseAuditPolicy({
    kind: "Policy",
    apiVersion: "audit.k8s.io/v1",
    omitStages: ["RequestReceived"],
    rules,
  });
  return new Auditor({ policy, log, now: () => new Date("2026-01-01T00:00:01Z") });
}

const asked = {
  id: "id-1",
  url: "/api/v1/pods?limit=5",
  subject: pods,
  user: jane,
  remoteAddress: "::ffff:192.0.2.1",
  headers: { "user-agent": "kubectl", "x-forwarded-for": "198.51.100.7, rubbish" },
  received: new Date("2026-01-01T00:00:00Z"),
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const linesOf = (folder: string) =>
  auditFilesOf(folder).flatMap((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  );

test("Auditor: an event is what upstream writes", async (t) => {
  const folder = newFolder(t);
  await using log = openLog(folder);
  const record = newAuditor(log).begin(asked);
  assert.ok(!record.wantsRequest);
  record.annotate("authorization.k8s.io/decision", "allow");
  record.completed(200, bytes({ kind: "PodList" }));
  await log.flushed();
  const [event] = linesOf(folder);
  assert.deepEqual(event, {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: "id-1",
    stage: "ResponseComplete",
    requestURI: "/api/v1/pods?limit=5",
    verb: "list",
    user: { username: "jane", groups: ["dev"] },
    sourceIPs: ["198.51.100.7", "192.0.2.1"],
    userAgent: "kubectl",
    objectRef: { resource: "pods", namespace: "team", apiVersion: "v1" },
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: "2026-01-01T00:00:00.000000Z",
    stageTimestamp: "2026-01-01T00:00:01.000000Z",
    annotations: {
      "authorization.k8s.io/decision": "allow",
      "audit.gantry/sequence": "1",
      "audit.gantry/previous": "0".repeat(64),
    },
  });
  assert.equal(statSync(join(folder, "audit.log")).mode & 0o777, 0o600);
});

test("Auditor: levels decide which bodies are written; managed fields can be left out", async (t) => {
  const folder = newFolder(t);
  await using log = openLog(folder);
  const object = { metadata: { name: "a", managedFields: [{}] } };
  for (const [level, more] of [
    ["Request", {}],
    ["RequestResponse", { omitManagedFields: true }],
    ["None", {}],
  ] as const) {
    const record = newAuditor(log, [{ level, ...more }]).begin(asked);
    record.requestBody(bytes(object));
    record.completed(201, bytes(object));
  }
  newAuditor(log)
    .begin(asked)
    .completed(403, bytes({ kind: "Status", status: "Failure", reason: "Forbidden" }));
  await log.flushed();
  const [first, second, third] = linesOf(folder);
  assert.deepEqual([first.requestObject, first.responseObject], [object, undefined]);
  assert.deepEqual(
    [second.requestObject, second.responseObject],
    [{ metadata: { name: "a" } }, { metadata: { name: "a" } }],
  );
  assert.deepEqual([third.responseStatus.reason, third.responseObject], ["Forbidden", undefined]);
});

test("judge: the first rule that fits", () => {
  const policy = parseAuditPolicy({
    kind: "Policy",
    apiVersion: "audit.k8s.io/v1",
    rules: [
      {
        level: "None",
        users: ["system:kube-proxy"],
        verbs: ["watch"],
        resources: [{ group: "", resources: ["endpoints"] }],
      },
      { level: "None", nonResourceURLs: ["/healthz*"] },
      { level: "RequestResponse", resources: [{ group: "", resources: ["pods"] }] },
      {
        level: "Request",
        resources: [{ group: "", resources: ["pods/*", "*/scale"] }],
        omitStages: ["RequestReceived"],
      },
      { level: "Metadata", namespaces: ["kube-system"] },
      { level: "Metadata", userGroups: ["audited"] },
    ],
  });
  const levelOf = (user: User, verb: string, path: string, resource?: object) =>
    judge(policy, user, {
      verb,
      path,
      ...(resource !== undefined && { resource: { group: "", version: "v1", resource: "x", ...resource } }),
    }).level;
  assert.equal(
    levelOf({ name: "system:kube-proxy", groups: [] }, "watch", "", { resource: "endpoints" }),
    "None",
  );
  assert.equal(levelOf(jane, "get", "/healthz/etcd"), "None");
  assert.equal(levelOf(jane, "get", "", { resource: "pods" }), "RequestResponse");
  assert.equal(levelOf(jane, "get", "", { resource: "pods", subresource: "log" }), "Request");
  assert.equal(levelOf(jane, "get", "", { resource: "things", subresource: "scale" }), "Request");
  assert.equal(levelOf(jane, "get", "", { namespace: "kube-system" }), "Metadata");
  assert.equal(levelOf({ name: "x", groups: ["audited"] }, "get", "/metrics"), "Metadata");
  assert.equal(levelOf(jane, "get", "/metrics"), "None");
  assert.equal(judge(defaultPolicy, jane, pods).level, "Metadata");
  assert.equal(judge(defaultPolicy, jane, { verb: "get", path: "/readyz" }).level, "None");
});

test("parseAuditPolicy: says what is wrong", () => {
  const parse = (policy: object) => () =>
    parseAuditPolicy({ kind: "Policy", apiVersion: "audit.k8s.io/v1", ...policy });
  for (const policy of [
    {},
    { rules: [] },
    { rules: [{}] },
    { rules: [{ level: "All" }] },
    { rules: [{ level: "None", users: "jane" }] },
    { rules: [{ level: "None", users: [1] }] },
    { rules: [{ level: "None", nonResourceURLs: ["/x"], namespaces: ["y"] }] },
    { rules: [{ level: "None", resources: [{ resources: 5 }] }] },
    { rules: [{ level: "None" }], omitStages: ["Never"] },
  ])
    assert.throws(parse(policy), (error) => isFault(error, "invalid"), JSON.stringify(policy));
  assert.throws(
    () => parseAuditPolicy({ kind: "Policy" }),
    (error) => isFault(error, "invalid"),
  );
  assert.throws(
    () => parseAuditPolicy(undefined),
    (error) => isFault(error, "invalid"),
  );
});

const writeMany = async (log: AuditLog, count: number) => {
  const auditor = newAuditor(log);
  for (let index = 0; index < count; index++) auditor.begin({ ...asked, id: `id-${index}` }).completed(200);
  await log.flushed();
};

test("AuditLog: the chain goes on behind a restart, a torn line and a rotation", async (t) => {
  const folder = newFolder(t);
  {
    await using log = openLog(folder);
    await writeMany(log, 3);
  }
  appendFileSync(join(folder, "audit.log"), '{"kind":"Event","torn');
  {
    await using log = openLog(folder, { bytes: 2000, backups: 3 });
    for (let round = 0; round < 8; round++) await writeMany(log, 2);
  }
  const result = await verifyAudit(auditFilesOf(folder), signal);
  assert.deepEqual(result.findings, []);
  assert.equal(result.last, 19);
  assert.equal(readdirSync(folder).length, 4);
  assert.ok((result.first ?? 0) > 1);
  {
    await using log = openLog(folder);
    await writeMany(log, 1);
  }
  assert.equal((await verifyAudit(auditFilesOf(folder), signal)).last, 20);
});

test("verifyAudit: finds what was changed, removed, put in or moved", async (t) => {
  const folder = newFolder(t);
  {
    await using log = openLog(folder);
    await writeMany(log, 6);
  }
  const file = join(folder, "audit.log");
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const problems = async (changed: readonly string[]) => {
    writeFileSync(file, `${changed.join("\n")}\n`);
    return (await verifyAudit([file], signal)).findings.map(({ line }) => line);
  };
  assert.deepEqual(await problems(lines), []);
  assert.deepEqual(await problems(lines.with(2, lines[2]?.replace("jane", "john") ?? "")), [4]);
  assert.deepEqual(await problems(lines.toSpliced(2, 1)), [3]);
  assert.deepEqual(await problems(lines.toSpliced(2, 0, lines[0] ?? "")), [3, 4]);
  assert.deepEqual(await problems(["rubbish", ...lines]), [1]);
  assert.deepEqual(await problems([lines[1] ?? "", lines[0] ?? "", ...lines.slice(2)]), [2, 3]);
});

test("AuditLog: what is too much, or cannot be written, is dropped and counted; nobody waits for it", async (t) => {
  const folder = newFolder(t);
  const dropped = () => linesOf(folder).map((event) => event.annotations["audit.gantry/dropped"]);
  {
    await using log = openLog(folder, { waiting: 5 });
    await writeMany(log, 100);
    await writeMany(log, 1);
    assert.deepEqual(dropped(), ["95", undefined, undefined, undefined, undefined, undefined]);
  }
  await using log = openLog(folder);
  rmSync(folder, { recursive: true });
  await writeMany(log, 3);
  mkdirSync(folder);
  await writeMany(log, 1);
  assert.deepEqual(dropped(), ["3"]);
});

test("AuditLog: what is dropped while others are written is counted too", async (t) => {
  const folder = newFolder(t);
  await using log = openLog(folder, { waiting: 1 });
  const auditor = newAuditor(log);
  const ask = () => auditor.begin(asked).completed(200);
  ask();
  await log.flushed(); // Its file is open.
  ask();
  await new Promise<void>((resolve) => setImmediate(resolve));
  for (let count = 0; count < 3; count++) ask();
  await log.flushed();
  ask();
  await log.flushed();
  const dropped = linesOf(folder).map((event) => event.annotations?.["audit.gantry/dropped"]);
  assert.deepEqual(dropped, [undefined, undefined, "2", undefined]);
});
