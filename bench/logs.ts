// How fast the engine's log is read: `node bench/logs.ts`. Numbers are MB of log text a second, one thread.
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLog } from "#engine/logs/json-file.ts";
import type { LogQuery } from "#engine/logs/log-query.ts";

const textBytes = 200e6;
const all: LogQuery = {
  stdout: true,
  stderr: true,
  timestamps: false,
  follow: false,
  framing: "multiplexed",
};
const signal = new AbortController().signal;
const never = new Promise<void>(() => undefined);

const folder = await mkdtemp(join(tmpdir(), "gantry-bench-logs-"));
try {
  for (const [name, text] of [
    ["100-byte lines", "x".repeat(99)],
    ["8 KiB lines", "x".repeat(8191)],
    ["100-byte lines with escapes", `{\\"level\\":\\"info\\",\\"msg\\":\\"${"x".repeat(65)}\\"}`],
  ] as const) {
    const path = join(folder, "log.json");
    const lines = await writeLog(path, text);
    await measure(`${name}, all`, path, all);
    await measure(`${name}, raw with timestamps`, path, { ...all, framing: "raw", timestamps: true });
    await measure(`${name}, tail 10`, path, { ...all, tail: 10 });
    await measure(`${name}, last 10 by since`, path, { ...all, since: timeOf(lines - 10) });
    await rm(path);
  }
} finally {
  await rm(folder, { recursive: true });
}

async function measure(name: string, path: string, query: LogQuery): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    bytes = 0;
    for await (const chunk of readLog({ path, ended: never }, query, signal)) bytes += chunk.length;
    best = Math.min(best, performance.now() - start);
  }
  const speed = bytes > textBytes / 2 ? `${(textBytes / 1e3 / best).toFixed(0)} MB/s, ` : "";
  process.stdout.write(`${name}: ${speed}${best.toFixed(1)} ms, ${bytes} bytes out\n`);
}

function timeOf(line: number): bigint {
  return 1_795_000_000_000_000_000n + BigInt(line) * 1_000_000n;
}

async function writeLog(path: string, text: string): Promise<number> {
  const lines = Math.ceil(textBytes / (text.replaceAll('\\"', '"').length + 1));
  await using file = await open(path, "wx");
  for (let line = 0; line < lines; ) {
    let block = "";
    for (; line < lines && block.length < 1 << 20; line++) {
      const time = timeOf(line);
      const whole = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19);
      const fraction = (time % 1_000_000_000n).toString().padStart(9, "0");
      block += `{"log":"${text}\\n","stream":"stdout","time":"${whole}.${fraction}Z"}\n`;
    }
    await file.write(block);
  }
  return lines;
}
