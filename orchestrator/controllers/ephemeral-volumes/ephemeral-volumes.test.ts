import assert from "node:assert/strict";
import { test } from "node:test";
import { persistentVolumeClaims, pods } from "#client/kube/resources.ts";
import { openWorld } from "../world.fixture.ts";
import { startEphemeralVolumeController } from "./reconcile.ts";

test("ephemeral volumes: their claims are of the pod's name and go with it; others' claims are not taken", async () => {
  await using world = openWorld({ controllers: [startEphemeralVolumeController] });
  const { kube, signal } = world;
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } as const;
  const volumeClaimTemplate = { metadata: { labels: { kept: "yes" } }, spec };
  const pod = await kube.of(pods).create(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default" },
      spec: {
        containers: [{ name: "c", image: "i" }],
        volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate } }],
      },
    },
    signal,
  );
  const [claim] = await world.until(persistentVolumeClaims, (all) => all.length === 1);
  assert.equal(claim?.metadata.name, "p-scratch");
  assert.deepEqual(claim?.metadata.labels, { kept: "yes" });
  const [owner] = claim?.metadata.ownerReferences ?? [];
  assert.deepEqual([owner?.kind, owner?.uid, owner?.controller], ["Pod", pod.metadata.uid, true]);
  assert.deepEqual(claim?.spec, spec);
});
