import assert from "node:assert/strict";
import { test } from "node:test";
import { inDependencyOrder } from "./graph.ts";

const needs = (...names: string[]) => ({
  depends_on: new Map(names.map((name) => [name, { condition: "service_started", required: true } as const])),
});
const services = new Map([
  ["app", needs("db", "cache")],
  ["cache", needs()],
  ["db", needs("disk")],
  ["disk", needs()],
]);

test("inDependencyOrder: dependencies first, reversed last", async () => {
  const order: string[] = [];
  await inDependencyOrder(services, (name) => Promise.resolve(void order.push(name)));
  assert.deepEqual(order.at(-1), "app");
  assert.ok(order.indexOf("disk") < order.indexOf("db"));
  const back: string[] = [];
  await inDependencyOrder(services, (name) => Promise.resolve(void back.push(name)), { reverse: true });
  assert.deepEqual(back[0], "app");
});

test("inDependencyOrder: a failure keeps what depends on it from starting", async () => {
  const order: string[] = [];
  const visit = (name: string) => {
    order.push(name);
    return name === "disk" ? Promise.reject(new Error("no disk")) : Promise.resolve();
  };
  await assert.rejects(inDependencyOrder(services, visit), /no disk/);
  assert.ok(!order.includes("db") && !order.includes("app"));
});
