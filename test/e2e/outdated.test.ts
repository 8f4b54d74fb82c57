import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { DebianMirror, type MirrorPackage } from "../support/debian-mirror.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-outdated-"));
const day = 86_400_000;
const now = Date.now();
const fresh = { date: now - day, validUntil: now + 6 * day };
let engine: EngineUnderTest;
let mirror: DebianMirror;

const changelog = (name: string, ...entries: readonly (readonly [version: string, words: string])[]) =>
  entries
    .map(
      ([version, words]) =>
        `${name} (${version}) bookworm; urgency=high\n\n  * ${words}\n\n -- M <m@x>  Mon, 01 Jan 2024 00:00:00 +0000\n`,
    )
    .join("\n");
const hello: MirrorPackage = {
  name: "hello",
  version: "1.0-1",
  changelog: changelog("hello", ["1.0-1", "CVE-2020-0001"]),
};
const helloFixed: MirrorPackage = {
  name: "hello",
  version: "1.0-1+deb12u2",
  changelog: changelog(
    "hello",
    ["1.0-1+deb12u2", "Closes CVE-2024-10001, CVE-2024-9"],
    ["1.0-1+deb12u1", "Closes CVE-2023-4444 and CVE-2023-5555"],
    ["1.0-1", "CVE-2020-0001"],
  ),
};

/** Resolves to the path of the packages of the security updates. */
function publish(security: readonly MirrorPackage[], state = fresh): string {
  mirror.publish("bookworm", [hello], { date: now - 200 * day });
  mirror.publish("bookworm-updates", [], { date: now - 100 * day });
  return mirror.publish("bookworm-security", security, state);
}

interface Answer {
  readonly code: number;
  readonly status: string;
  readonly packages: readonly {
    readonly name: string;
    readonly available: string;
    readonly cves: readonly string[] | null;
  }[];
  readonly doubts: readonly string[];
  readonly foreign: readonly string[];
}

function outdated(...more: readonly string[]): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const args = [
    "image",
    "outdated",
    "--root",
    join(folder, "data"),
    "--format",
    "json",
    "--keyring",
    mirror.keyring,
  ];
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}` };
  execFile(
    join(checkout, "bin/gantry"),
    [...args, "--mirror", mirror.url, ...more, "acme/app:1"],
    { env },
    (error, out, err) => {
      const code = typeof error?.code === "number" ? error.code : 0;
      assert.notEqual(out, "", err);
      resolve({ code, ...(JSON.parse(out) as Omit<Answer, "code">) });
    },
  );
  return promise;
}

before(async () => {
  mirror = await DebianMirror.start();
  engine = await EngineUnderTest.start("10.233.0.1/16");
  await loadBusybox(engine, "acme/app:1", {}, (rootfs) => {
    const status = join(rootfs, "var/lib/dpkg/status.d");
    mkdirSync(status, { recursive: true });
    for (const name of ["hello", "own"])
      writeFileSync(join(status, name), `Package: ${name}\nVersion: 1.0-1\nArchitecture: amd64\n`);
    writeFileSync(join(rootfs, "etc/os-release"), 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n');
  });
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await mirror[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("image outdated: an image with the newest packages is current", async () => {
  publish([]);
  const { code, status, doubts, foreign } = await outdated();
  assert.deepEqual(
    { code, status, doubts, foreign },
    { code: 0, status: "current", doubts: [], foreign: ["own"] },
  );
});

test("image outdated: what is behind, with the CVEs closed since; indexes and changelogs are kept by their hash", async () => {
  publish([helloFixed]);
  const { code, packages, doubts } = await outdated();
  assert.equal(code, 1);
  assert.deepEqual(doubts, []);
  assert.deepEqual(
    packages.map(({ name, available, cves }) => [name, available, cves]),
    [["hello", "1.0-1+deb12u2", ["CVE-2023-4444", "CVE-2023-5555", "CVE-2024-10001"]]],
  );
  mirror.asked.length = 0;
  assert.deepEqual((await outdated()).packages, packages);
  assert.deepEqual(
    mirror.asked,
    ["bookworm", "bookworm-updates", "bookworm-security"].map((suite) => `/dists/${suite}/InRelease`),
  );
});

test("image outdated: without changelogs the CVEs are not known", async () => {
  const { packages } = await outdated("--no-changelogs");
  assert.deepEqual(
    packages.map(({ cves }) => cves),
    [null],
  );
});

test("image outdated: a stale index of security updates makes it unknown, and what is behind stays so", async () => {
  publish([], { date: now - 9 * day, validUntil: now - 2 * day });
  const stale = await outdated();
  assert.deepEqual([stale.code, stale.status], [2, "unknown"]);
  assert.match(stale.doubts.join(), /bookworm-security is stale: it was valid until/);
  publish([helloFixed], { date: now - 9 * day, validUntil: now - 2 * day });
  const behind = await outdated();
  assert.deepEqual([behind.code, behind.status, behind.doubts.length], [1, "outdated", 1]);
});

for (const [what, spoil, reason] of [
  [
    "not signed",
    (path: string) => mirror.put(path, Buffer.from("Suite: bookworm-security\nDate: x\n")),
    /signature/,
  ],
  [
    "altered after it was signed",
    (path: string) =>
      mirror.put(
        path,
        Buffer.from(mirror.get(path).toString().replace("Acquire-By-Hash: yes", "Acquire-By-Hash: no")),
      ),
    /signature does not hold/,
  ],
  [
    "another suite's",
    (path: string) => mirror.put(path, mirror.get("/dists/bookworm/InRelease")),
    /is that of bookworm/,
  ],
  ["missing", (path: string) => mirror.remove(path), /is not there/],
] as const)
  test(`image outdated: an index of security updates that is ${what} makes it unknown`, async () => {
    publish([helloFixed]);
    const path = "/dists/bookworm-security/InRelease";
    spoil(path);
    const { code, status, doubts } = await outdated();
    assert.deepEqual([code, status], [2, "unknown"]);
    assert.match(doubts.join(), reason);
  });

test("image outdated: packages that are not those of the index are not believed", async () => {
  rmSync(join(folder, "data"), { recursive: true });
  const path = publish([helloFixed]);
  mirror.put(path, Buffer.from(mirror.get(path)).fill(0, 20, 30));
  const { status, doubts } = await outdated();
  assert.equal(status, "unknown");
  assert.match(doubts.join(), /is not what its index says/);
});

test("image outdated: keys that are not there verify nothing", async () => {
  publish([helloFixed]);
  const { status, doubts } = await outdated("--keyring", join(folder, "none.gpg"));
  assert.equal(status, "unknown");
  assert.match(doubts.join(), /the signature is unverified/);
});

test("image outdated: out of reach is unknown, whatever was kept", async () => {
  assert.ok(readdirSync(join(folder, "data/indexes")).length > 0);
  await mirror.close();
  const { code, status, doubts } = await outdated();
  assert.deepEqual([code, status], [2, "unknown"]);
  assert.match(doubts.join(), /cannot reach/);
});
