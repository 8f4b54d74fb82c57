import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeFilter } from "./runtime-filter.ts";

const target = { capabilities: [], architecture: "amd64", kernel: { major: 6, minor: 1 } } as const;

function filterOf(profile: "default" | { readonly json: string }) {
  const filter = runtimeFilter({ ...target, profile });
  return JSON.parse(JSON.stringify(filter)) as {
    readonly defaultAction: string;
    readonly defaultErrnoRet?: number;
    readonly architectures: readonly string[];
    readonly syscalls: readonly { readonly names: readonly string[]; readonly action: string }[];
  };
}

test("runtimeFilter: the default profile denies, and lets through only what holds for the container", () => {
  const filter = filterOf("default");
  assert.deepEqual([filter.defaultAction, filter.defaultErrnoRet], ["SCMP_ACT_ERRNO", 1]);
  assert.deepEqual(filter.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  const allowed = new Set(
    filter.syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW").flatMap(({ names }) => names),
  );
  assert.deepEqual([allowed.has("read"), allowed.has("mount"), allowed.has("bpf")], [true, false, false]);
});

test("runtimeFilter: all 64 bits of what is compared with, and error numbers", () => {
  const json = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO","errnoRet":38,
    "args":[{"index":0,"value":18446744071562067968,"op":"SCMP_CMP_EQ"}]}]}`;
  const text = JSON.stringify(runtimeFilter({ ...target, profile: { json } }));
  assert.match(
    text,
    /"action":"SCMP_ACT_ERRNO","errnoRet":38,"args":\[\{"index":0,"op":"SCMP_CMP_EQ","value":18446744071562067968,/,
  );
});

test("runtimeFilter: none for none", () => {
  assert.equal(runtimeFilter({ ...target, profile: "unconfined" }), undefined);
  assert.equal(runtimeFilter({ ...target, profile: { json: "{}" } }), undefined);
});
