import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { isStatus } from "#api/kube/status.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { CustomDefinition } from "./definition.ts";
import { type VersionConverter, versionConverter } from "./webhook-conversion.ts";

const definition = {
  spec: { group: "example.com", names: { kind: "Thing" }, conversion: { strategy: "Webhook" }, versions: [] },
} as unknown as CustomDefinition;

interface Asked {
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  readonly answer: () => void;
  readonly refuse: () => void;
}

/** A converter from v1 to v2 whose webhook answers when told to. */
class Asking {
  readonly asked: Asked[] = [];
  readonly converter: VersionConverter = versionConverter(
    { newUid: () => "1", call: (_client, review, _timeoutS, signal) => this.#call(review, signal) },
    definition,
    { served: "v2", stored: "v1" },
  );

  #call(review: Draft, signal: AbortSignal): Promise<unknown> {
    const { objects } = review["request"] as { readonly objects: readonly Draft[] };
    const names = objects.map(({ metadata }) => (metadata as { readonly name: string }).name);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const convertedObjects = objects.map((one) => ({ ...one, apiVersion: "example.com/v2" }));
    this.asked.push({
      names,
      signal,
      answer: () => resolve({ response: { uid: "1", result: { status: "Success" }, convertedObjects } }),
      refuse: () => reject(new Error("no")),
    });
    return promise;
  }
}

const thing = (name: string): Draft => ({ apiVersion: "example.com/v1", kind: "Thing", metadata: { name } });

test("versionConverter: however many wait for an object at once, it is asked about once", async (t) => {
  const { asked, converter } = new Asking();
  const [a, b] = [thing("a"), thing("b")];
  const all = [converter.prepare([a, a], t.signal), converter.prepare([a, b], t.signal)];
  asked[0]?.answer();
  await all[0];
  await turn();
  assert.deepEqual(
    asked.map(({ names }) => names),
    [["a"], ["b"]],
  );
  asked[1]?.answer();
  await Promise.all(all);
  await converter.prepare([b, a], t.signal);
  assert.equal(asked.length, 2);
  assert.equal(converter.decode(b)["apiVersion"], "example.com/v2");
});

test("versionConverter: who goes takes nobody's answer away, and the last one ends the question", async (t) => {
  const { asked, converter } = new Asking();
  const a = thing("a");
  const gone = new AbortController();
  const [first, second] = [converter.prepare([a], gone.signal), converter.prepare([a], t.signal)];
  gone.abort();
  await assert.rejects(first);
  assert.equal(asked[0]?.signal.aborted, false);
  asked[0]?.answer();
  await second;
  const b = thing("b");
  const last = new AbortController();
  const third = converter.prepare([b], last.signal);
  last.abort();
  await assert.rejects(third);
  assert.equal(asked[1]?.signal.aborted, true);
  const again = converter.prepare([b], t.signal);
  asked[2]?.answer();
  await again;
});

test("versionConverter: what was not answered is asked about again", async (t) => {
  const { asked, converter } = new Asking();
  const a = thing("a");
  const both = [converter.prepare([a], t.signal), converter.prepare([a], t.signal)];
  asked[0]?.refuse();
  for (const one of both)
    await assert.rejects(one, (error) => isStatus(error) && /v1, Kind=Thing failed: no/.test(error.message));
  assert.throws(() => converter.decode(a), /was not asked about/);
  const again = converter.prepare([a], t.signal);
  asked[1]?.answer();
  await again;
});
