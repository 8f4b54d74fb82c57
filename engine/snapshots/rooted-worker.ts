import { readSync, writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { dieWithParent } from "#host/sys.ts";
import { Growth } from "./rooted/growth.ts";
import type { ResidentJob, RootedReply, SingleJob } from "./rooted/jobs.ts";
import { faultOf, perform, performNext } from "./rooted/perform.ts";
import { ResidentRoom } from "./rooted/resident-room.ts";

/**
 * The program of a process that works on files of containers and images, locked into their root. It reads one job from
 * descriptor 3, does it, answers there, and ends; as `resident` it takes one after the other, until one fails or none comes any
 * more. Every module is loaded before it enters the root, so nothing in there is ever run or linked. It ends with the daemon,
 * however that ends.
 */
const control = 3;
const stdin = 0;

dieWithParent();
// Node writes what it compiled when it ends, by a path: nothing may be left to write once that path means another place.
flushCompileCache();
process.umask(0);
if (process.argv[2] === "resident") await stay();
else {
  const job = readLine();
  if (job !== undefined) await answer(job as SingleJob);
}
process.exit(0);

/** What a failure has left open ends with the process. */
async function stay(): Promise<void> {
  const room = new ResidentRoom();
  let growing: Growth | undefined;
  const growth = () => (growing ??= new Growth(stdin));
  for (let job = readLine(); job !== undefined; job = readLine())
    try {
      const done = await performNext(job as ResidentJob, { ask, growth, ...room.ways });
      room.leave();
      send({ done: done ?? null });
    } catch (error) {
      return sendFault(error);
    }
}

async function answer(work: SingleJob): Promise<void> {
  try {
    send({ done: (await perform(work, tellHead)) ?? null });
  } catch (error) {
    sendFault(error);
  }
}

function tellHead(head: unknown): void {
  send({ head });
}

function ask(head: unknown): unknown {
  tellHead(head);
  return readLine();
}

function sendFault(error: unknown): void {
  const { kind, message } = faultOf(error);
  send({ fault: { kind, message } });
}

/** What the daemon says; undefined when it went away without saying anything. */
function readLine(): unknown {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65536);
    const length = readSync(control, chunk, 0, chunk.length, null);
    if (length === 0) return undefined;
    chunks.push(chunk.subarray(0, length));
    if (chunk[length - 1] === 0x0a) return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  }
}

function send(reply: RootedReply): void {
  const line = Buffer.from(`${JSON.stringify(reply)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(control, line, at);
}
