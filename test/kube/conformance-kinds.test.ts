import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { load } from "js-yaml";
import { checkout } from "../support/engine.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { type Loose, Rest } from "../support/rest.ts";

/** What conformance asks of the API of each kind: every verb, on one object, on collections, on its subresources. */
interface Sample {
  readonly resource: string;
  /** The beginning of its objects' names. */
  readonly name?: string;
  readonly object: Loose;
  readonly change: Loose;
  readonly reported?: Loose;
  readonly fixed?: Loose;
  readonly scaled?: boolean;
  readonly noCollection?: boolean;
}

const merge = { type: "application/merge-patch+json" };
const file = join(checkout, "test/kube/conformance-kinds.yaml");
const samples = load(readFileSync(file, "utf8")) as readonly Sample[];

let cluster: ClusterUnderTest;
let rest: Rest;
before(async () => {
  cluster = await ClusterUnderTest.start();
  rest = new Rest(cluster.transport);
  await rest.ok("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "conformance" },
  });
});
after(() => cluster[Symbol.asyncDispose]());

/** Whether all of `part` is in `whole`, lists by their items. */
function holds(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part))
    return Array.isArray(whole) && part.every((item) => whole.some((one) => holds(one, item)));
  if (typeof part !== "object" || part === null) return part === null ? whole == null : whole === part;
  return (
    typeof whole === "object" &&
    whole !== null &&
    Object.entries(part).every(([name, value]) => holds((whole as Loose)[name], value))
  );
}

function assertHolds(whole: unknown, part: unknown): void {
  assert.ok(holds(whole, part), `${JSON.stringify(part)} is not in ${JSON.stringify(whole)}`);
}

interface Place {
  readonly sample: Sample;
  readonly collection: string;
  readonly everywhere: string;
  readonly selector: string;
  readonly first: string;
  readonly make: (name: string) => Loose;
}

async function placeOf(sample: Sample): Promise<Place> {
  const { apiVersion, kind } = sample.object as { readonly apiVersion: string; readonly kind: string };
  const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  if (apiVersion !== "v1") {
    const [group = ""] = apiVersion.split("/");
    const groups = await rest.ok("GET", "/apis");
    assert.ok(groups["groups"].some(({ name }: Loose) => name === group));
    const { versions } = await rest.ok("GET", `/apis/${group}`);
    assert.ok(versions.some(({ groupVersion }: Loose) => groupVersion === apiVersion));
  }
  const { resources } = await rest.ok("GET", base);
  const found = resources.find(({ name }: Loose) => name === sample.resource);
  assert.equal(found?.kind, kind);
  const has = (below: string) => resources.some(({ name }: Loose) => name === `${sample.resource}/${below}`);
  if (sample.reported !== undefined) assert.ok(has("status"));
  if (sample.scaled === true) assert.ok(has("scale"));
  const labels = { conformance: `${kind}.${apiVersion.split(/[./]/)[0]}`.toLowerCase() };
  const namespace = found.namespaced === true ? "conformance" : undefined;
  const everywhere = `${base}/${sample.resource}`;
  const collection =
    namespace === undefined ? everywhere : `${base}/namespaces/${namespace}/${sample.resource}`;
  const start = sample.name ?? `${kind.toLowerCase()}-`;
  const metadata = { ...(namespace === undefined ? {} : { namespace }), labels };
  const prepared = JSON.parse(
    JSON.stringify(sample.object).replace("AUTHORITY", () => JSON.stringify(authority()).slice(1, -1)),
  ) as Loose;
  return {
    sample,
    collection,
    everywhere,
    selector: `labelSelector=conformance%3D${encodeURIComponent(labels.conformance)}`,
    first: `${start}1`,
    make: (name) => ({ ...prepared, metadata: { ...metadata, name } }),
  };
}

function authority(): string {
  return readFileSync(join(cluster.root, "cluster/pki/ca.crt"), "utf8").trim();
}

/** Reads, changes and writes, again while others write too. */
async function rewrite(path: string, change: (object: Loose) => void): Promise<Loose> {
  for (;;) {
    const object = await rest.ok("GET", path);
    change(object);
    const { status, body } = await rest.send("PUT", path, object);
    if (status === 200) return body;
    assert.equal(status, 409, JSON.stringify(body));
  }
}

async function untilGone(path: string, revision: string, names: ReadonlySet<string>): Promise<void> {
  const left = new Set(names);
  for await (const { type, object } of rest.watch(`${path}&watch=1&resourceVersion=${revision}`)) {
    assert.ok(["ADDED", "MODIFIED", "DELETED"].includes(type), JSON.stringify(object));
    if (type === "DELETED") left.delete(object.metadata.name);
    if (left.size === 0) return;
  }
  assert.fail(`${[...left].join()} stayed`);
}

async function checkOne({ sample, collection, everywhere, selector, first, make }: Place): Promise<void> {
  const path = `${collection}/${first}`;
  const rehearsed = await rest.send("POST", `${collection}?dryRun=All`, make(first));
  assert.equal(rehearsed.status, 201, JSON.stringify(rehearsed.body));
  assert.equal((await rest.send("GET", path)).status, 404);
  const made = await rest.send("POST", collection, make(first));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal((await rest.send("POST", collection, make(first))).body["reason"], "AlreadyExists");
  const read = await rest.ok("GET", path);
  assert.equal(read["metadata"].uid, made.body["metadata"].uid);
  for (const from of [collection, everywhere]) {
    const { kind, items } = await rest.ok("GET", `${from}?${selector}`);
    assert.equal(kind, `${sample.object["kind"]}List`);
    assert.deepEqual(
      items.map(({ metadata }: Loose) => metadata.name),
      [first],
    );
  }
  const { metadata: from } = await rest.ok("GET", `${collection}?${selector}`);
  const changed = await rest.ok("PATCH", path, sample.change, merge);
  assertHolds(changed, sample.change);
  for await (const { type, object } of rest.watch(
    `${collection}?${selector}&watch=1&resourceVersion=${from.resourceVersion}`,
  )) {
    assert.equal(type, "MODIFIED");
    if (holds(object, sample.change)) break;
  }
  const written = await rewrite(path, ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, written: "yes" };
  });
  assert.equal(written["metadata"].annotations.written, "yes");
  assertHolds(written, sample.change);
  const old = { ...made.body, metadata: { ...made.body["metadata"], annotations: { written: "late" } } };
  assert.equal((await rest.send("PUT", path, old)).body["reason"], "Conflict");
  if (sample.fixed !== undefined) {
    const { status, body } = await rest.send("PATCH", path, sample.fixed, merge);
    assert.deepEqual([status, body["reason"]], [422, "Invalid"]);
  }
}

async function checkSubresources({ sample, collection, first }: Place): Promise<void> {
  const path = `${collection}/${first}`;
  if (sample.reported !== undefined) {
    const patch = { status: sample.reported, metadata: { annotations: { reported: "yes" } } };
    assertHolds(await rest.ok("PATCH", `${path}/status`, patch, merge), { status: sample.reported });
    assert.equal((await rest.ok("GET", `${path}/status`))["kind"], sample.object["kind"]);
    const put = await rewrite(`${path}/status`, (object) => {
      object["status"] = { ...object["status"], ...sample.reported };
    });
    assertHolds(put, { status: sample.reported });
  }
  if (sample.scaled !== true) return;
  const scale = await rest.ok("GET", `${path}/scale`);
  assert.deepEqual([scale["kind"], scale["spec"].replicas ?? 0], ["Scale", 0]);
  await rewrite(`${path}/scale`, (object) => {
    object["spec"] = { replicas: 1 };
  });
  assert.equal((await rest.ok("GET", path))["spec"].replicas, 1);
  const patched = await rest.ok("PATCH", `${path}/scale`, { spec: { replicas: 0 } }, merge);
  assert.equal(patched["spec"].replicas ?? 0, 0);
}

async function checkDeletion({ sample, collection, selector, first, make }: Place): Promise<void> {
  const seen = await rest.ok("GET", `${collection}?${selector}`);
  const revision = seen["metadata"].resourceVersion;
  await rest.ok("DELETE", `${collection}/${first}`);
  await untilGone(`${collection}?${selector}`, revision, new Set([first]));
  assert.equal((await rest.send("GET", `${collection}/${first}`)).body["reason"], "NotFound");
  if (sample.noCollection === true) return;
  const names = ["2", "3"].map((number) => first.replace(/1$/, number));
  for (const name of names) await rest.ok("POST", collection, make(name));
  const { metadata, items } = await rest.ok("GET", `${collection}?${selector}`);
  assert.equal(items.length, 2);
  await rest.ok("DELETE", `${collection}?${selector}`);
  await untilGone(`${collection}?${selector}`, metadata.resourceVersion, new Set(names));
  assert.deepEqual((await rest.ok("GET", `${collection}?${selector}`))["items"], []);
}

test("kinds: each is found, made, read, listed, watched, patched, replaced, reported about, deleted alone and as a collection", async (t) => {
  const running = samples.map((sample) =>
    t.test(`${sample.object["apiVersion"]} ${sample.resource}`, async () => {
      const place = await placeOf(sample);
      await checkOne(place);
      await checkSubresources(place);
      await checkDeletion(place);
    }),
  );
  await Promise.all(running);
});
