import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { readLog } from "./json-file.ts";
import { encodeRecord, JsonFileWriter, type WrittenRecord } from "./json-file-writer.ts";
import type { LogFile, LogQuery } from "./log-query.ts";
import { formatTime, parseTime } from "./log-time.ts";

const never = new Promise<void>(() => undefined);
const openEnded = new AbortController().signal;
const everything: LogQuery = {
  stdout: true,
  stderr: true,
  timestamps: false,
  follow: false,
  framing: "multiplexed",
};
const folder = await mkdtemp(join(tmpdir(), "gantry-logs-"));
after(() => rm(folder, { recursive: true, force: true }));
let files = 0;
const newPath = () => join(folder, `${files++}.log`);

async function read(path: string, query: LogQuery): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readLog({ path, ended: Promise.resolve() }, query, openEnded)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * What a client makes of it: without following, records of one stream may share a frame, so neighbours are joined here; when
 * following, every record is a frame of its own.
 */
function seen(bytes: Buffer, query: LogQuery): string {
  if (query.framing === "raw" || query.follow) return bytes.toString("latin1");
  const parts: { stream: number; text: string }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    const [stream, text] = [bytes[at] ?? 0, bytes.toString("latin1", at + 8, end)];
    const last = parts.at(-1);
    if (last?.stream === stream) last.text += text;
    else parts.push({ stream, text });
    at = end;
  }
  return JSON.stringify(parts);
}

/** The same by the plainest means: everything in memory, JSON.parse, arrays. */
function readNaively(path: string, query: LogQuery): Buffer {
  const paths = [path];
  while (existsSync(`${path}.${paths.length}`)) paths.push(`${path}.${paths.length}`);
  const all = paths.reverse().flatMap((file) => {
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.map(parseNaively).filter((record) => record !== undefined);
  });
  let chosen = all;
  if (query.tail !== undefined) {
    const ends = all.flatMap(({ text }, index) =>
      text.endsWith("\n") || index === all.length - 1 ? [index + 1] : [],
    );
    const start = query.tail >= ends.length ? 0 : (ends.at(-1 - query.tail) as number);
    chosen = all.slice(start);
  }
  const past = chosen.findIndex(({ time }) => query.until !== undefined && time > query.until);
  if (past >= 0) chosen = chosen.slice(0, past);
  const isAtStart = { stdout: true, stderr: true };
  const frames: Buffer[] = [];
  for (const { stream, text, time } of chosen) {
    if (!query[stream] || text === "" || (query.since !== undefined && time < query.since)) continue;
    const lead = isAtStart[stream]
      ? (query.timestamps ? `${formatTime(time)} ` : "") + (query.prefix ?? "")
      : "";
    isAtStart[stream] = text.endsWith("\n");
    const payload = Buffer.from(lead + text);
    const header = Buffer.from([stream === "stdout" ? 1 : 2, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(payload.length, 4);
    frames.push(query.framing === "raw" ? payload : Buffer.concat([header, payload]));
  }
  return Buffer.concat(frames);
}

function parseNaively(line: string) {
  for (const candidate of [line, line.slice(Math.max(0, line.lastIndexOf('{"log":"')))])
    try {
      const { log, stream, time } = JSON.parse(candidate);
      if (typeof log !== "string" || typeof time !== "string") continue;
      return { stream: stream as "stdout" | "stderr", text: log as string, time: parseTime(time) as bigint };
    } catch {}
  return undefined;
}

/** Nanoseconds since 1970 of the first record that tests write. */
const epoch = 1_795_000_000_000_000_000n;

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }).map((line) => line.toWellFormed()),
  fc.constantFrom("", "plain", "a\\", "\\n", '{"log":"nested"}', "<b>&", "\u001b[31mred", "x".repeat(20_000)),
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("record" as const),
      stream: fc.constantFrom("stdout" as const, "stderr" as const),
      text,
      ending: fc.constantFrom("\n", "\n", "\n", ""),
      later: fc.nat(3),
      form: fc.constantFrom("canonical", "canonical", "canonical", "short time", "spaces", "attrs"),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "rotate" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("raw" as const),
      bytes: fc.constantFrom(
        "\n",
        "garbage\n",
        "{}\n",
        '{"log":"torn\\',
        '{"log":"torn',
        "\0\0\0\n",
        '{"log":"a"}\n',
      ),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function write(path: string, steps: readonly Step[]): void {
  using writer = new JsonFileWriter(path, 1000);
  let time = epoch;
  for (const action of steps) {
    if (action.kind === "rotate") writer.rotate();
    else if (action.kind === "raw") writer.append(action.bytes);
    else {
      time += BigInt(action.later);
      const { stream, form } = action;
      const record = { stream, text: action.text + action.ending, time: formatTime(time) };
      writer.append(form === "canonical" ? encodeRecord(record) : encodeForeign(record, form));
    }
  }
}

function encodeForeign({ stream, text: log, time }: WrittenRecord, form: string): string {
  if (form === "spaces")
    return `${JSON.stringify({ time, stream, log }, undefined, 1).replaceAll("\n", "")}\n`;
  if (form === "attrs") return `${JSON.stringify({ log, stream, attrs: { a: "b" }, time })}\n`;
  return `${JSON.stringify({ log, stream, time: time.replace(/\.?0+Z$/, "Z") })}\n`;
}

test("readLog: gives what the naive reader gives, for any log and any query", async () => {
  const time = fc.option(fc.integer({ min: -3, max: 40 }), { nil: undefined });
  const query = fc.record({
    stdout: fc.boolean(),
    stderr: fc.boolean(),
    since: time,
    until: time,
    tail: fc.option(fc.nat(12), { nil: undefined }),
    timestamps: fc.boolean(),
    follow: fc.boolean(),
    framing: fc.constantFrom("multiplexed" as const, "raw" as const),
    prefix: fc.option(fc.constantFrom("a=b ", "é=ü "), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      query,
      async (steps, { since, until, tail, prefix, ...rest }) => {
        const path = newPath();
        write(path, steps);
        const asked: LogQuery = {
          ...rest,
          ...(since === undefined ? {} : { since: epoch + BigInt(since) }),
          ...(until === undefined ? {} : { until: epoch + BigInt(until) }),
          ...(tail === undefined ? {} : { tail }),
          ...(prefix === undefined ? {} : { prefix }),
        };
        assert.equal(seen(await read(path, asked), asked), seen(readNaively(path, asked), asked));
      },
    ),
    { numRuns: 300 },
  );
});

test("readLog: a log of many blocks and files, by tail and by time", async () => {
  const path = newPath();
  const secondNs = 1_000_000_000n;
  let lines = 0;
  {
    using writer = new JsonFileWriter(path, 1000);
    for (let file = 0; file < 3; file++) {
      if (file > 0) writer.rotate();
      for (let block = 0; block < 30; block++) {
        let bytes = "";
        for (let line = 0; line < 200; line++, lines++)
          bytes += encodeRecord({
            stream: lines % 7 === 0 ? "stderr" : "stdout",
            text: `${lines} ${"x".repeat((lines * 37) % 700)}${lines % 50 === 0 ? "" : "\n"}`,
            time: formatTime(epoch + BigInt(lines) * secondNs),
          });
        writer.append(bytes);
      }
    }
  }
  for (const tail of [0, 1, 399, 5000, 12_345, 1e6]) {
    const query = { ...everything, tail, timestamps: true };
    assert.ok(seen(await read(path, query), query) === seen(readNaively(path, query), query), `tail ${tail}`);
  }
  for (const line of [-5, 0, 1, 2999, 6000, 11_999, 12_000, 17_990, 99_999]) {
    const since = epoch + BigInt(line) * secondNs;
    const query = { ...everything, since, until: since + 3000n * secondNs };
    assert.ok(
      seen(await read(path, query), query) === seen(readNaively(path, query), query),
      `since line ${line}`,
    );
    const both = { ...everything, since, tail: 7000 };
    assert.ok(
      seen(await read(path, both), both) === seen(readNaively(path, both), both),
      `since line ${line}, tail`,
    );
  }
});

test("readLog: chunks are large, and a line longer than any record is passed over", async () => {
  const path = newPath();
  const record = encodeRecord({ stream: "stdout", text: `${"x".repeat(99)}\n`, time: formatTime(epoch) });
  writeFileSync(path, `${record.repeat(20_000)}${"y".repeat(9_000_000)}\n${record}`);
  const sizes: number[] = [];
  for await (const chunk of readLog({ path, ended: never }, everything, openEnded)) sizes.push(chunk.length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const frames = Math.ceil((20_001 * 100) / (32 * 1024));
  assert.ok(bytes >= 20_001 * 100 + 8 * frames && bytes < 20_001 * 100 + 8 * 2 * frames, `${bytes} bytes`);
  assert.ok(sizes.length <= 5, sizes.join());
  assert.equal((await read(path, { ...everything, tail: 2 })).length, 8 + 2 * 100);
});

test("readLog: a log or a folder that is not there is empty", async () => {
  assert.equal((await read(newPath(), everything)).length, 0);
  assert.equal((await read(newPath(), { ...everything, follow: true, tail: 5 })).length, 0);
  assert.equal((await read(join(folder, "none", "x.log"), { ...everything, follow: true })).length, 0);
});

test("readLog: following sees each record when it is whole, and ends when the writer has", async () => {
  const path = newPath();
  const ended = Promise.withResolvers<void>();
  const log = follow({ path, ended: ended.promise });
  const first = log.next();
  using writer = new JsonFileWriter(path, 5);
  const [one, two] = ["one\n", "two\n"].map((line) =>
    encodeRecord({ stream: "stdout", text: line, time: formatTime(epoch) }),
  ) as [string, string];
  writer.append(one + two.slice(0, 20));
  assert.equal((await first).value?.toString(), "one\n");
  const second = log.next();
  writer.append(two.slice(20));
  assert.equal((await second).value?.toString(), "two\n");
  const last = log.next();
  writer.append(one);
  ended.resolve();
  assert.equal((await last).value?.toString(), "one\n");
  assert.equal((await log.next()).done, true);
});

test("readLog: following goes on over several rotations that happened while nobody read", async () => {
  const path = newPath();
  const ended = Promise.withResolvers<void>();
  using writer = new JsonFileWriter(path, 10);
  const put = (line: string) =>
    writer.append(encodeRecord({ stream: "stdout", text: line, time: formatTime(epoch) }));
  put("0\n");
  const log = follow({ path, ended: ended.promise });
  assert.equal((await log.next()).value?.toString(), "0\n");
  for (let line = 1; line <= 4; line++) {
    put(`${line}\n`);
    writer.rotate();
  }
  ended.resolve();
  let rest = "";
  for await (const chunk of log) rest += chunk;
  assert.equal(rest, "1\n2\n3\n4\n");
});

test("readLog: following loses only the files that are gone, and starts over in one that was emptied", async () => {
  const path = newPath();
  const ended = Promise.withResolvers<void>();
  using writer = new JsonFileWriter(path, 2);
  const put = (line: string) =>
    writer.append(encodeRecord({ stream: "stdout", text: line, time: formatTime(epoch) }));
  put("a\n");
  const log = follow({ path, ended: ended.promise });
  assert.equal((await log.next()).value?.toString(), "a\n");
  for (const line of ["lost\n", "kept\n"]) {
    writer.rotate();
    put(line);
    writer.rotate();
  }
  assert.equal((await log.next()).value?.toString(), "kept\n");
  put("longer than the next\n");
  assert.equal((await log.next()).value?.toString(), "longer than the next\n");
  const next = log.next();
  const fd = openSync(path, "r+");
  ftruncateSync(fd);
  closeSync(fd);
  put("b\n");
  assert.equal((await next).value?.toString(), "b\n");
  ended.resolve();
  assert.equal((await log.next()).done, true);
});

test("readLog: an abort closes every handle at once, wherever the reader stands", async () => {
  const path = newPath();
  {
    using writer = new JsonFileWriter(path, 10);
    for (let file = 0; file < 4; file++) {
      writer.append(
        encodeRecord({ stream: "stdout", text: "x\n".padStart(90), time: formatTime(epoch) }).repeat(2000),
      );
      writer.rotate();
    }
  }
  const reason = new Error("client left");
  for (const query of [everything, { ...everything, follow: true }]) {
    const controller = new AbortController();
    const log = readLog({ path, ended: never }, query, controller.signal);
    await log.next(); // suspended between two chunks
    controller.abort(reason);
    await assert.rejects(log.next(), reason);
    await settled(path);
  }
  const controller = new AbortController();
  const log = readLog({ path, ended: never }, { ...everything, follow: true, tail: 0 }, controller.signal);
  const waiting = log.next();
  setImmediate(() => controller.abort(reason));
  await assert.rejects(waiting, reason);
  await settled(path);
  await assert.rejects(readLog({ path, ended: never }, everything, AbortSignal.abort(reason)).next(), reason);
  for await (const _ of readLog({ path, ended: never }, { ...everything, follow: true }, openEnded)) break;
  await settled(path);
});

function follow(file: LogFile): AsyncGenerator<Buffer, void, undefined> {
  return readLog(file, { ...everything, follow: true, framing: "raw" }, openEnded);
}

/** Handles that close are closed by the thread pool: give it turns, then there must be none on the log. */
async function settled(path: string): Promise<void> {
  for (let turn = 0; turn < 1000 && handlesOn(path).length > 0; turn++)
    await new Promise<void>((resolve) => setImmediate(resolve));
  assert.deepEqual(handlesOn(path), []);
}

function handlesOn(path: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    const target = linkOf(fd);
    return target.startsWith(path) ? [target] : [];
  });
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}
