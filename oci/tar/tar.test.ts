import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { bytesOfText, type TarEntry, textOfBytes } from "./entry.ts";
import { encodePax, formatPaxTime, parsePaxTime } from "./pax.ts";
import { defaultLimits, type TarLimits, TarReader } from "./reader.ts";
import { tarEnd, tarHeader, tarPadding } from "./writer.ts";

interface Read {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

/** Reads an archive whole, given to the reader in pieces of `step` bytes. */
function readAll(
  archive: Uint8Array,
  step = archive.length,
  limits: TarLimits = defaultLimits,
): readonly Read[] {
  const all: Read[] = [];
  const reader = new TarReader(
    {
      entry: (entry) => all.push({ entry, content: Buffer.alloc(Math.min(entry.size, 1 << 24)) }),
      data: (bytes, position) => all.at(-1)?.content.set(bytes, position),
      endEntry: () => {},
    },
    limits,
  );
  for (let at = 0; at < archive.length; at += Math.max(1, step))
    reader.write(archive.subarray(at, at + step));
  reader.end();
  return all;
}

function archiveOf(entries: readonly Partial<Read>[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { entry, content = Buffer.alloc(0) } of entries) {
    const whole = { ...plain, ...entry, size: content.length };
    parts.push(tarHeader(whole), content, tarPadding(content.length));
  }
  return Buffer.concat([...parts, tarEnd]);
}

const plain: TarEntry = {
  type: "file",
  path: "f",
  linkPath: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  major: 0,
  minor: 0,
};

function folder(t: { after(fn: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "gantry-tar-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const isInvalid = (error: unknown) => isFault(error, "invalid");

const byteName = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 300 })
  .map((bytes) => textOfBytes(Uint8Array.from(bytes)));
const anyEntry: fc.Arbitrary<TarEntry> = fc.record<TarEntry>({
  type: fc.constantFrom("file", "link", "symlink", "char", "block", "directory", "fifo"),
  path: byteName,
  linkPath: byteName,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 0xfffffffe }),
  gid: fc.integer({ min: 0, max: 0xfffffffe }),
  size: fc.constant(0),
  mtime: fc
    .tuple(
      fc.integer({ min: -(2 ** 30), max: 2 ** 40 }),
      fc.oneof(fc.constant(0), fc.nat({ max: 999_999_999 })),
    )
    .map(([seconds, nanoseconds]) => ({ seconds, nanoseconds })),
  major: fc.integer({ min: 0, max: 4095 }),
  minor: fc.integer({ min: 0, max: 0xfffff }),
  xattrs: fc
    .array(
      fc.tuple(fc.constantFrom("user.a", "user.b", "security.capability"), fc.uint8Array({ maxLength: 100 })),
    )
    .map((pairs) => new Map(pairs)),
});

/** What a reader is to make of an entry that was written. */
function expected(entry: TarEntry): TarEntry {
  const isLink = entry.type === "link" || entry.type === "symlink";
  const isDevice = entry.type === "char" || entry.type === "block";
  const { xattrs, ...rest } = entry;
  return {
    ...rest,
    path: entry.type === "directory" && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path,
    linkPath: isLink ? entry.linkPath : "",
    ...(isDevice ? {} : { major: 0, minor: 0 }),
    ...(xattrs === undefined || xattrs.size === 0
      ? {}
      : { xattrs: new Map([...xattrs].map(([name, value]) => [name, Uint8Array.from(value)])) }),
  };
}

test("tarHeader: a TarReader gives back any entry, whatever pieces the archive comes in", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyEntry, fc.uint8Array({ maxLength: 2000 })), { maxLength: 4 }),
      fc.integer({ min: 1, max: 3000 }),
      (pairs, step) => {
        const entries = pairs.map(([entry, bytes]) => {
          const content = entry.type === "file" ? Buffer.from(bytes) : Buffer.alloc(0);
          return { entry: { ...entry, size: content.length }, content };
        });
        const read = readAll(archiveOf(entries), step);
        assert.deepEqual(
          read.map(({ entry }) => entry),
          entries.map(({ entry }) => expected(entry)),
        );
        for (const [index, { content }] of entries.entries()) assert.deepEqual(read[index]?.content, content);
      },
    ),
    { numRuns: 150 },
  );
});

test("formatPaxTime: parsePaxTime is its inverse", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
      fc.integer({ min: 0, max: 999_999_999 }),
      (s, ns) => {
        const time = { seconds: s, nanoseconds: ns };
        assert.deepEqual(parsePaxTime(formatPaxTime(time)), time);
      },
    ),
  );
  assert.deepEqual(parsePaxTime("-1.5"), { seconds: -2, nanoseconds: 500_000_000 });
  assert.deepEqual(parsePaxTime("1.0000000009"), { seconds: 1, nanoseconds: 0 });
});

test("TarReader: reads what GNU tar writes in each of its formats", (t) => {
  const base = folder(t);
  const long = "n".repeat(120);
  mkdirSync(join(base, "t", long), { recursive: true });
  writeFileSync(join(base, "t", long, "file"), "content of the file");
  symlinkSync("../somewhere".repeat(10), join(base, "t", "link"));
  execFileSync("ln", [join(base, "t", long, "file"), join(base, "t", "hard")]);
  execFileSync("mkfifo", [join(base, "t", "pipe")]);
  for (const format of ["gnu", "pax", "oldgnu"]) {
    const archive = execFileSync("tar", ["--format", format, "--sort=name", "-C", base, "-cf", "-", "t"]);
    const read = readAll(archive, 700);
    assert.deepEqual(
      read.map(({ entry }) => `${entry.type} ${entry.path} ${entry.linkPath}`),
      [
        "directory t/ ",
        "file t/hard ",
        `symlink t/link ${"../somewhere".repeat(10)}`,
        `directory t/${long}/ `,
        `link t/${long}/file t/hard`,
        "fifo t/pipe ",
      ],
      format,
    );
    assert.equal(read[1]?.content.toString(), "content of the file");
  }
});

test("TarReader: reads sparse files in all four formats, holes as holes", (t) => {
  const base = folder(t);
  const fd = openSync(join(base, "sparse"), "w");
  for (let index = 0; index < 60; index++) writeSync(fd, `island ${index}`, index * 65536);
  ftruncateSync(fd, 60 * 65536 + 5);
  closeSync(fd);
  const content = readFileSync(join(base, "sparse"));
  for (const format of [["gnu"], ["pax", "0.0"], ["pax", "0.1"], ["pax", "1.0"]]) {
    const [name = "", version] = format;
    const options = version === undefined ? [] : [`--sparse-version=${version}`];
    const archive = execFileSync("tar", [
      `--format=${name}`,
      ...options,
      "-S",
      "-C",
      base,
      "-cf",
      "-",
      "sparse",
    ]);
    assert.ok(archive.length < content.length / 4, "the archive is sparse");
    const [read] = readAll(archive, 1000);
    assert.equal(read?.entry.path, "sparse");
    assert.equal(read?.entry.size, content.length);
    assert.ok(read.content.equals(content), format.join(" "));
  }
});

test("TarReader: takes names that are no UTF-8, and GNU tar takes ours", (t) => {
  const base = folder(t);
  const name = Buffer.from([0x66, 0xff, 0xfe, 0xe9]);
  writeFileSync(Buffer.concat([Buffer.from(`${base}/`), name]), "x");
  lutimesSync(Buffer.concat([Buffer.from(`${base}/`), name]) as unknown as string, 1, 1.25);
  const archive = execFileSync("tar", ["--format=pax", "-C", base, "-cf", "-", "."]);
  const read = readAll(archive).map(({ entry }) => entry.path);
  assert.deepEqual(read, ["./", `./${name.toString("latin1")}`]);
  const ours = archiveOf([{ entry: { ...plain, path: name.toString("latin1").padEnd(300, "\xe9") } }]);
  const listed = execFileSync("tar", ["--quoting-style=literal", "-tf", "-"], { input: ours });
  assert.deepEqual(
    listed.subarray(0, -1),
    Buffer.from(name.toString("latin1").padEnd(300, "\xe9"), "latin1"),
  );
});

test("tarHeader: GNU tar unpacks our archives exactly", (t) => {
  const base = folder(t);
  const entries: Partial<Read>[] = [
    { entry: { ...plain, type: "directory", path: "d".repeat(140), mode: 0o2750, uid: 5, gid: 3_000_000 } },
    {
      entry: {
        ...plain,
        path: `${"d".repeat(140)}/f`,
        mtime: { seconds: 1_700_000_000, nanoseconds: 123456789 },
      },
      content: Buffer.from("hello"),
    },
    { entry: { ...plain, type: "symlink", path: "s", linkPath: "t".repeat(150) } },
    { entry: { ...plain, type: "link", path: "h", linkPath: `${"d".repeat(140)}/f` } },
  ];
  execFileSync("tar", ["-xf", "-", "-C", base], { input: archiveOf(entries) });
  const listing = execFileSync("find", [".", "-mindepth", "1", "-printf", "%y %p %l %T@ %m %U:%G\\n"], {
    cwd: base,
  });
  const lines = listing.toString().split("\n");
  assert.ok(lines.includes(`f ./${"d".repeat(140)}/f  1700000000.1234567890 644 0:0`));
  assert.ok(lines.includes(`l ./s ${"t".repeat(150)} 0.0000000000 777 0:0`));
  if (process.getuid?.() === 0)
    assert.ok(
      lines.some((line) => line.startsWith(`d ./${"d".repeat(140)} `) && line.endsWith("2750 5:3000000")),
    );
});

test("TarReader: global PAX headers hold until a local one says otherwise", () => {
  const record = (key: string, value: string) => Buffer.from(encodePax([[key, value]]));
  const meta = (flag: string, body: Buffer) => {
    const header = Buffer.from(tarHeader({ ...plain, path: "pax", size: body.length }));
    header[156] = flag.charCodeAt(0);
    header.write("        ", 148);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return Buffer.concat([header, body, tarPadding(body.length)]);
  };
  const archive = Buffer.concat([
    meta("g", record("uid", "123")),
    meta("x", record("path", "other")),
    tarHeader(plain),
    meta("x", record("uid", "7")),
    tarHeader(plain),
    tarHeader(plain),
    tarEnd,
  ]);
  assert.deepEqual(
    readAll(archive).map(({ entry }) => [entry.path, entry.uid]),
    [
      ["other", 123],
      ["f", 7],
      ["f", 123],
    ],
  );
});

test("TarReader: archives that lie, stop in the middle or go too far are invalid", () => {
  const good = archiveOf([{ entry: plain, content: Buffer.from("abc") }]);
  const patched = (at: number, text: string) => {
    const bytes = Buffer.from(good);
    bytes.write(text, at, "latin1");
    bytes.write("        ", 148);
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return bytes;
  };
  const cases: Readonly<Record<string, Uint8Array>> = {
    "a wrong checksum": Buffer.concat([Buffer.from("g"), good.subarray(1)]),
    "a size that is no number": patched(124, "00000z00003"),
    "a negative size": patched(124, "\xff".repeat(12)),
    "a size beyond 2^53": patched(124, "\x80\0\0\0\x7f".padEnd(12, "\xff")),
    "a negative uid": patched(108, "\xff".repeat(8)),
    "an unknown type": patched(156, "Q"),
    "no name": patched(0, "\0"),
    "content cut off": good.subarray(0, 514),
    "a header cut off": good.subarray(0, 100),
    "padding cut off": good.subarray(0, 520),
    "an entry after a zero block": Buffer.concat([Buffer.alloc(512), good]),
    "an endless PAX header": Buffer.concat([
      patched(156, "x").subarray(0, 512),
      Buffer.from("9999999 a=b\n"),
    ]),
  };
  for (const [name, archive] of Object.entries(cases)) assert.throws(() => readAll(archive), isInvalid, name);
});

test("TarReader: limits on paths, extended headers and entries hold", () => {
  const many = archiveOf(Array.from({ length: 4 }, () => ({ entry: plain })));
  assert.throws(() => readAll(many, 512, { ...defaultLimits, maxEntries: 3 }), isInvalid);
  const long = archiveOf([{ entry: { ...plain, path: "p".repeat(5000) } }]);
  assert.throws(() => readAll(long), isInvalid);
  assert.throws(
    () => readAll(long, 512, { ...defaultLimits, maxPathBytes: 9000, maxMetaBytes: 4000 }),
    isInvalid,
  );
  assert.equal(readAll(long, 512, { ...defaultLimits, maxPathBytes: 9000 }).length, 1);
});

test("TarReader: a mutated archive is read or refused, never anything else; in agreement with GNU tar where both read it", () => {
  const seed = archiveOf([
    {
      entry: { ...plain, path: "a".repeat(150), mtime: { seconds: 5, nanoseconds: 7 } },
      content: Buffer.from("1"),
    },
    { entry: { ...plain, type: "symlink", path: "s", linkPath: "x" } },
    { entry: { ...plain, path: "b", xattrs: new Map([["user.a", bytesOfText("\0\xff\n=")]]) } },
  ]);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: seed.length - 1 }), fc.nat({ max: 255 })), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.integer({ min: 0, max: seed.length }),
      (changes, cut) => {
        const bytes = Buffer.from(seed.subarray(0, cut));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          readAll(bytes, 333);
        } catch (error) {
          assert.ok(isInvalid(error), String(error));
        }
      },
    ),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.nat({ max: seed.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const bytes = Buffer.from(seed);
      bytes[at] = value;
      const ours = namesOrUndefined(bytes);
      const theirs = gnuNames(bytes);
      if (ours !== undefined && theirs !== undefined) assert.deepEqual(ours, theirs);
    }),
    { numRuns: 40 },
  );
});

function namesOrUndefined(bytes: Buffer): readonly string[] | undefined {
  try {
    return readAll(bytes).map(({ entry }) => entry.path);
  } catch {
    return undefined;
  }
}

/** Undefined when tar refuses, or reads on over damage as it does with a warning. */
function gnuNames(bytes: Buffer): readonly string[] | undefined {
  try {
    const out = execFileSync("tar", ["--quoting-style=literal", "-tf", "-"], {
      input: bytes,
      stdio: ["pipe", "pipe", "pipe"],
    });
    return out.toString("latin1").split("\n").slice(0, -1);
  } catch {
    return undefined;
  }
}
