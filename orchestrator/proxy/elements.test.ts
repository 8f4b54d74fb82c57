import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { arrange, elementsOf, noMemory, withoutContained } from "./elements.ts";
import type { Frontend } from "./frontends.ts";
import { Ledger } from "./ledger.ts";
import { planChanges } from "./plan.ts";

const web: Frontend = {
  protocol: "tcp",
  clusterIp: "10.96.0.5",
  port: 80,
  nodePort: 0,
  externals: [],
  guarded: [],
  sourceRanges: [],
  everywhere: [],
  here: [],
  isInternalLocal: false,
  isExternalLocal: false,
  affinitySeconds: 0,
};
const facts = { nextId: () => 1, isOwn: () => false };

test("arrange: holds exactly what is wanted, and what stays stays unless a place before it is free", () => {
  const names = fc.uniqueArray(fc.constantFrom(..."abcdefghijkl".split("")), { maxLength: 12 });
  fc.assert(
    fc.property(names, names, (before, wanted) => {
      const after = arrange(before, new Set(wanted));
      assert.deepEqual(after.toSorted(), wanted.toSorted());
      const moved = before.filter((name, at) => wanted.includes(name) && after[at] !== name);
      const gone = before.filter((name) => !wanted.includes(name));
      assert.ok(moved.length <= gone.length);
    }),
  );
});

test("one of three targets goes: one place is written anew, one goes, and the service chooses of two", () => {
  const targets = ["10.244.0.2", "10.244.0.3", "10.244.0.4"].map((address) => ({ address, port: 8080 }));
  const ledger = new Ledger();
  const first = elementsOf([{ ...web, everywhere: targets }], noMemory, facts);
  ledger.put("web", first.elements);
  ledger.written(ledger.changes());
  const second = elementsOf([{ ...web, everywhere: targets.slice(1) }], first.memory, facts);
  ledger.put("web", second.elements);
  const ruleset = { table: "t", podCidr: "10.244.0.0/16", serviceCidr: "10.96.0.0/16", ownAddresses: [] };
  const chains = new Set(["services_foreign_3"]);
  assert.equal(
    planChanges(ledger.changes(), chains, ruleset),
    [
      "add chain ip t services_foreign_2",
      "add rule ip t services_foreign_2 ip saddr != 10.244.0.0/16 meta mark set meta mark or 0x4000",
      "add rule ip t services_foreign_2 meta priority set numgen random mod 2",
      "add rule ip t services_foreign_2 meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport . meta priority map @services_targets",
      "delete element ip t hairpin { 10.244.0.2 . 10.244.0.2 }",
      "delete element ip t services_targets { 10.96.0.5 . tcp . 80 . 0:2, 10.96.0.5 . tcp . 80 . 0:0 }",
      "delete element ip t services { 10.96.0.5 . tcp . 80 }",
      "add element ip t services { 10.96.0.5 . tcp . 80 : goto services_foreign_2 }",
      "add element ip t services_targets { 10.96.0.5 . tcp . 80 . 0:0 : 10.244.0.4 . 8080 }",
    ].join("; "),
  );
});

test("two services that want one address: the first has it, and the second when the first is gone", () => {
  const ledger = new Ledger();
  ledger.put("a", [{ set: "services", key: "k", data: "one" }]);
  ledger.put("b", [{ set: "services", key: "k", data: "two" }]);
  assert.deepEqual(ledger.changes(), [{ set: "services", key: "k", before: undefined, now: "one" }]);
  ledger.written(ledger.changes());
  ledger.put("a", []);
  assert.deepEqual(ledger.changes(), [{ set: "services", key: "k", before: "one", now: "two" }]);
});

test("ledger: what is written after any changes is what the owners want", () => {
  const step = fc.record({
    owner: fc.constantFrom("a", "b", "c"),
    keys: fc.dictionary(fc.constantFrom("k", "l", "m"), fc.constantFrom("1", "2")),
    isWritten: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const ledger = new Ledger();
      const table = new Map<string, string>();
      const wanted = new Map<string, Record<string, string>>();
      const write = () => {
        const changes = ledger.changes();
        for (const { key, before, now } of changes) {
          assert.equal(table.get(key), before);
          if (now === undefined) table.delete(key);
          else table.set(key, now);
        }
        ledger.written(changes);
      };
      for (const { owner, keys, isWritten } of steps) {
        wanted.set(owner, keys);
        ledger.put(
          owner,
          Object.entries(keys).map(([key, data]) => ({ set: "services", key, data })),
        );
        if (isWritten) write();
      }
      write();
      const all = [...wanted.values()];
      assert.deepEqual([...table.keys()].toSorted(), [...new Set(all.flatMap(Object.keys))].toSorted());
      for (const [key, data] of table) assert.ok(all.some((keys) => keys[key] === data));
    }),
  );
});

test("withoutContained: ranges do not overlap, and are written from their first address on", () => {
  assert.deepEqual(withoutContained(["10.1.2.3/24", "10.0.0.0/8", "10.0.0.0/8", "192.0.2.1/32"]), [
    "10.0.0.0/8",
    "192.0.2.1/32",
  ]);
  assert.deepEqual(withoutContained(["0.0.0.0/0", "10.0.0.0/8"]), ["0.0.0.0/0"]);
});
