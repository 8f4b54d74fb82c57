import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { readDefinition } from "./definition.ts";

test("readDefinition: only what XML and libvirt know has a meaning, not what every object has", () => {
  const { name, memBytes } = readDefinition(
    '<domain><name>a&amp;b&#x21;</name><memory unit="MiB">2</memory></domain>',
  );
  assert.deepEqual([name, memBytes], ["a&b!", 2 << 20]);
  for (const text of [
    "<domain><name>&toString;</name></domain>",
    '<domain><memory unit="toString">1</memory></domain>',
    '<domain><memory unit="__proto__">1</memory></domain>',
  ])
    assert.throws(
      () => readDefinition(text),
      (error) => isFault(error, "invalid"),
    );
});
