import assert from "node:assert/strict";
import { test } from "node:test";
import { explainStartFailure } from "./runtime-errors.ts";

for (const [text, exitCode] of [
  ["executable file `nope` not found in $PATH: No such file or directory", 127],
  ["open executable: File name too long", 127],
  ["open executable: Permission denied", 126],
  ["the path `/etc/passwd` exists but it is not executable: Operation not permitted", 126],
  ["the path `/etc` is not a regular file: Operation not permitted", 126],
  ["chdir `/proc/self/fd/7`: No such file or directory", 127],
  ["chdir `/root`: Permission denied", 126],
  ["openat2 `dev/mqueue`: Too many open files", 128],
] as const)
  test(`explainStartFailure: "${text}" is the caller's doing and exits with ${exitCode}`, () => {
    const failure = explainStartFailure(text, ["nope"], "create");
    assert.deepEqual([failure.exitCode, failure.isClients], [exitCode, true]);
  });

test("explainStartFailure: a host that has no files left is not the caller's doing", () => {
  assert.equal(
    explainStartFailure("open: Too many open files in system", ["true"], "create").isClients,
    false,
  );
});
