import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseGroup, parsePasswd } from "./passwd.ts";
import { planUser } from "./users.ts";

const passwd = `root:x:0:0:root:/root:/bin/sh
# comment
  app:x:1000:1001::/home/app:/bin/sh
app:x:1:1::/second:
homeless:x:7:7:::
wrap:x:4294967296:0::/:
minus:x:-1:0::/:
text:x:abc:0::/:
short:x:5
1234:x:55:55::/:
`;
const group = `root:x:0:root,app
app:x:1001:
wheel:x:10:app,root
huge:x:4294967296:
huge2:x:2147483648:homeless
twenty:x:20:app
`;
const resolve = (user: string, groupAdd: readonly string[] = []) =>
  planUser(
    user,
    groupAdd,
    () => parsePasswd(passwd),
    () => parseGroup(group),
  );

test("planUser: every form that Docker takes", () => {
  const root = { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" };
  const expected = {
    "": root,
    root,
    "0": root,
    "00": root,
    "+0": root,
    app: { uid: 1000, gid: 1001, additionalGids: [1001, 0, 10, 20], home: "/home/app" },
    "1000": { uid: 1000, gid: 1001, additionalGids: [1001, 0, 10, 20], home: "/home/app" },
    "app:wheel": { uid: 1000, gid: 10, additionalGids: [10], home: "/home/app" },
    "app:77": { uid: 1000, gid: 77, additionalGids: [77], home: "/home/app" },
    "1:2": { uid: 1, gid: 2, additionalGids: [2], home: "/second" },
    "4242": { uid: 4242, gid: 0, additionalGids: [0], home: "/" },
    "4242:wheel": { uid: 4242, gid: 10, additionalGids: [10], home: "/" },
    ":wheel": { uid: 0, gid: 10, additionalGids: [10], home: "/root" },
    "01": { uid: 1, gid: 1, additionalGids: [1, 0, 10, 20], home: "/second" },
    "1234": { uid: 1234, gid: 0, additionalGids: [0], home: "/" },
    "2147483647": { uid: 2147483647, gid: 0, additionalGids: [0], home: "/" },
  };
  for (const [user, wanted] of Object.entries(expected)) assert.deepEqual(resolve(user), wanted, user);
});

test("planUser: adds groups by name and by number, without doubles", () => {
  assert.deepEqual(resolve("app", ["20", "wheel", "99"]).additionalGids, [1001, 0, 10, 20, 99]);
});

test("planUser: names that are not there are refused in Docker's words", () => {
  const refused = {
    nobody: "unable to find user nobody: no matching entries in passwd file",
    "root ": "unable to find user root : no matching entries in passwd file",
    "0x0": "unable to find user 0x0: no matching entries in passwd file",
    "1e3": "unable to find user 1e3: no matching entries in passwd file",
    text: "unable to find user text: no matching entries in passwd file",
    short: "unable to find user short: no matching entries in passwd file",
    "app:nogroup": "unable to find group nogroup: no matching entries in group file",
  };
  for (const [user, message] of Object.entries(refused)) {
    assert.throws(
      () => resolve(user),
      (error) => isFault(error, "invalid") && error.message === message,
      user,
    );
  }
  assert.throws(() => resolve("", ["nogroup"]), /unable to find group nogroup/);
});

test("planUser: no number wraps round to root", () => {
  const users = [
    "4294967296",
    "2147483648",
    "-1",
    "1:4294967296",
    "99999999999999999999",
    "wrap",
    "minus",
    "app:huge",
    "homeless",
  ];
  for (const user of users) {
    assert.throws(() => resolve(user), /uids and gids must be in range 0-2147483647/, user);
  }
  assert.throws(() => resolve("", ["4294967296"]), /must be in range/);
});

test("planUser: works without files", () => {
  const none = () => [];

  assert.deepEqual(planUser("", [], none, none), { uid: 0, gid: 0, additionalGids: [0], home: "/" });
  assert.deepEqual(planUser("5:6", ["7"], none, none).additionalGids, [6, 7]);
  assert.throws(() => planUser("root", [], none, none), /unable to find user root/);
});

test("planUser: any text gives an id in range or is refused as invalid; root only for who names it", () => {
  const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."0123456789-+:x. ".split("")) }));
  fc.assert(
    fc.property(texts, (user) => {
      try {
        const { uid, gid } = resolve(user);
        assert.ok(uid >= 0 && uid < 2 ** 31 && gid >= 0 && gid < 2 ** 31);
        if (uid === 0) assert.match(user, /^(root|[+-]?0*)(:|$)/);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});

test("parsePasswd: any text gives only whole numbers", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."a0-:\n# ".split("")) }), (text) => {
      for (const { uid, gid } of parsePasswd(text)) assert.ok(Number.isInteger(uid) && Number.isInteger(gid));
    }),
  );
});
