import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { RecordStore } from "#hypervisor/metadata/record-store.ts";
import { FailedLogins } from "./failed-logins.ts";
import { adminRole, isAllowed, roles } from "./roles.ts";
import { Sessions } from "./sessions.ts";
import { Users } from "./users.ts";

async function withUsers(work: (users: Users, file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "users-"));
  try {
    using records = new RecordStore(join(folder, "state.db"));
    const file = join(folder, "initial-password");
    await work(new Users({ records, initialPasswordFile: file }), file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("Users: the first password is in a file for its owner until it is changed", async () => {
  await withUsers(async (users, file) => {
    const password = await users.ensureAdmin();
    assert.equal(readFileSync(file, "utf8"), `${password}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(await users.ensureAdmin(), undefined);
    const admin = await users.verify("admin", password ?? "");
    assert.ok(admin);
    await users.update(admin.uuid, { password: "other" });
    assert.equal(existsSync(file), false);
    assert.equal(await users.verify("admin", password ?? ""), undefined);
    assert.equal((await users.verify("admin", "other"))?.uuid, admin.uuid);
    assert.equal((await users.verify("admin", "other"))?.uuid, admin.uuid);
  });
});

test("Users: the last Admin stays, names are unique, roles exist", async () => {
  await withUsers(async (users) => {
    await users.ensureAdmin();
    const [admin] = users.list();
    const uuid = admin?.uuid ?? "";
    const isInvalid = (error: unknown) => isFault(error, "invalid");
    await assert.rejects(users.remove(uuid), isInvalid);
    await assert.rejects(users.update(uuid, { roleUUIDs: [] }), isInvalid);
    await assert.rejects(users.create({ username: "admin", password: "x" }), isInvalid);
    await assert.rejects(users.create({ username: "eve", roleUUIDs: ["none"] }), isInvalid);
    const second = await users.create({ username: "second", password: "x", roleUUIDs: [adminRole] });
    await users.remove(uuid);
    assert.deepEqual(
      users.list().map((user) => user.uuid),
      [second],
    );
  });
});

test("isAllowed: every role reads, Admin does everything, no role nothing", () => {
  for (const role of roles) assert.ok(isAllowed([role.uuid], "read"), role.name);
  const power = roles.find((role) => role.name === "VM Power Controls")?.uuid ?? "";
  assert.deepEqual(
    [
      isAllowed([power], "vm-power"),
      isAllowed([power], "vm-delete"),
      isAllowed([adminRole], "vm-delete"),
      isAllowed([], "read"),
    ],
    [true, false, true, false],
  );
});

test("Sessions: end when idle, when ended, and beyond the user's limit", () => {
  let now = 0;
  const sessions = new Sessions(() => now);
  const [first, second] = [sessions.open("u", 2), sessions.open("u", 2)];
  const third = sessions.open("u", 2);
  assert.deepEqual(
    [first, second, third].map((id) => sessions.find(id)),
    [undefined, "u", "u"],
  );
  sessions.end(third);
  now += 3_600_001;
  assert.deepEqual(
    [second, third].map((id) => sessions.find(id)),
    [undefined, undefined],
  );
});

test("FailedLogins: lock out the guesser alone, for longer and longer", () => {
  let now = 0;
  const failed = new FailedLogins(() => now);
  for (let i = 0; i < 5; i++) failed.failed("1.1.1.1", "admin");
  assert.deepEqual([failed.isLocked("1.1.1.1", "admin"), failed.isLocked("2.2.2.2", "admin")], [true, false]);
  now += 1001;
  assert.equal(failed.isLocked("1.1.1.1", "admin"), false);
  failed.failed("1.1.1.1", "admin");
  now += 1001;
  assert.equal(failed.isLocked("1.1.1.1", "admin"), true);
  failed.succeeded("1.1.1.1", "admin");
  assert.equal(failed.isLocked("1.1.1.1", "admin"), false);
});
