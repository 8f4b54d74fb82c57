import assert from "node:assert/strict";
import { test } from "node:test";
import { containerStatus, linuxContainerSecurityContext, psiData, runPodSandboxRequest } from "./messages.ts";

test("linuxContainerSecurityContext: repeated numbers are read packed, as Go writes them, and one by one", () => {
  const packed = Uint8Array.from([(8 << 3) | 2, 3, 1, 0x80 | 2, 1]);
  const single = Uint8Array.from([8 << 3, 1, 8 << 3, 0x80 | 2, 1]);
  for (const bytes of [packed, single])
    assert.deepEqual(linuxContainerSecurityContext.decode(bytes).supplementalGroups, [1, 130]);
  assert.deepEqual(linuxContainerSecurityContext.encode({ supplementalGroups: [1, 130] }), packed);
});

test("containerStatus: times keep every nanosecond", () => {
  const createdAt = 1_795_726_492_330_863_763n;
  assert.equal(containerStatus.decode(containerStatus.encode({ createdAt })).createdAt, createdAt);
});

test("psiData: doubles are as they were", () => {
  assert.equal(psiData.decode(psiData.encode({ avg10: 0.25 })).avg10, 0.25);
});

test("runPodSandboxRequest: what is nested comes back", () => {
  const config = { metadata: { name: "p", attempt: 2 }, annotations: new Map([["a", "b"]]) };
  const { config: read } = runPodSandboxRequest.decode(runPodSandboxRequest.encode({ config }));
  assert.equal(read?.metadata?.attempt, 2);
  assert.deepEqual(read?.annotations, config.annotations);
});
