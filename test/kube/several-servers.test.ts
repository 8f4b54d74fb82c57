import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ClusterUnderTest } from "../support/cluster.ts";
import { EtcdUnderTest, withoutEtcd } from "../support/etcd.ts";
import { type Loose, Rest } from "../support/rest.ts";

const space = "/api/v1/namespaces/default";
const apps = "/apis/apps/v1/namespaces/default";
const lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager";
const labels = { app: "a" };
const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "one" }] } };
const merge = { type: "application/merge-patch+json" };
const holderOf = ({ spec }: Loose): string => spec.holderIdentity;
const addressesOf = ({ subsets }: Loose): string[] => subsets[0].addresses.map(({ ip }: Loose) => ip).sort();

test("several servers on one etcd", { skip: withoutEtcd }, async (t) => {
  await using etcd = await EtcdUnderTest.start();
  const { ca, cert, key } = etcd.client;
  const flagsOf = (address: string) => [
    // The first one is not there.
    `--etcd-servers=https://127.0.0.1:1,${etcd.url}`,
    `--etcd-cafile=${ca}`,
    `--etcd-certfile=${cert}`,
    `--etcd-keyfile=${key}`,
    `--advertise-address=${address}`,
  ];
  await using first = await ClusterUnderTest.start(flagsOf("192.0.2.1"));
  const one = new Rest(first.transport);
  const before = holderOf(await one.until(lease, (found) => holderOf(found) !== ""));

  await t.test("a server with other keys is refused", async () => {
    await assert.rejects(
      ClusterUnderTest.start(flagsOf("192.0.2.2")),
      /the cluster in etcd has another authority/,
    );
  });

  await using second = await ClusterUnderTest.start(flagsOf("192.0.2.2"), (root) =>
    cpSync(join(first.root, "cluster/pki"), join(root, "cluster/pki"), { recursive: true }),
  );
  const two = new Rest(second.transport);

  await t.test("what one has written the other one shows at once, watched or read, secrets too", async () => {
    const { metadata } = await two.ok("GET", `${space}/configmaps`);
    const events = two.watch(`${space}/configmaps?watch=1&resourceVersion=${metadata.resourceVersion}`);
    for (let at = 0; at < 20; at++) {
      const [writer, reader] = at % 2 === 0 ? [one, two] : [two, one];
      await writer.ok("POST", `${space}/configmaps`, { metadata: { name: `map-${at}` } });
      await reader.ok("GET", `${space}/configmaps/map-${at}`);
    }
    const told: string[] = [];
    for await (const { object } of events) if (told.push(object.metadata.name) === 20) break;
    assert.deepEqual(
      told,
      Array.from({ length: 20 }, (_, at) => `map-${at}`),
    );
    await one.ok("POST", `${space}/secrets`, { metadata: { name: "s" }, stringData: { a: "b" } });
    const secret = await two.ok("GET", `${space}/secrets/s`);
    assert.equal(Buffer.from(secret["data"].a, "base64").toString(), "b");
    const request = { spec: { expirationSeconds: 600 } };
    const { status } = await one.ok("POST", `${space}/serviceaccounts/default/token`, request);
    const review = { spec: { token: status.token } };
    const known = await two.ok("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review);
    assert.equal(known["status"].user.username, "system:serviceaccount:default:default");
  });

  await t.test("of two writers of one revision one is told of a conflict", async () => {
    const map = await one.ok("GET", `${space}/configmaps/map-0`);
    const writes = [one, two].map((each, at) =>
      each.send("PUT", `${space}/configmaps/map-0`, { ...map, data: { at: `${at}` } }),
    );
    const codes = (await Promise.all(writes)).map(({ status }) => status);
    assert.deepEqual(
      codes.toSorted((a, b) => a - b),
      [200, 409],
    );
  });

  await t.test("one of them works, and both are endpoints", async () => {
    await one.until(`${space}/endpoints/kubernetes`, (found) => addressesOf(found).length === 2);
    await two.ok("POST", `${apps}/deployments`, {
      metadata: { name: "d" },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    });
    await two.until(`${space}/pods`, ({ items }) => items.length === 2);
    assert.equal(holderOf(await two.ok("GET", lease)), before);
  });

  await t.test("when it goes, the other one works", async () => {
    await first.kill("SIGTERM");
    const now = await two.until(lease, (found) => !["", before].includes(holderOf(found)));
    assert.equal(now["spec"].leaseTransitions, 1);
    await two.ok("PATCH", `${apps}/deployments/d`, { spec: { replicas: 3 } }, merge);
    await two.until(`${space}/pods`, ({ items }) => items.length === 3);
    assert.deepEqual(addressesOf(await two.ok("GET", `${space}/endpoints/kubernetes`)), ["192.0.2.2"]);
  });
});
