import type { Duplex } from "node:stream";
import { createInterface } from "node:readline";
import { Fault } from "#base/fault.ts";
import { SpdySession } from "../spdy/session.ts";
import type { SpdyStream } from "../spdy/stream.ts";
import type { RemoteStatus } from "./remote-status.ts";
import { exitCodeOf } from "./remote-status.ts";
import { flushed, type RemoteStreams, SizeQueue, type WantedStreams } from "./streams.ts";
import { acceptSpdy, offered, refuseUpgrade, type UpgradeRequest } from "./upgrade.ts";

/** Best first. The first ones tell the status as JSON, older ones as text. */
const protocols = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
const streamsTimeoutMs = 30_000;

/** @throws {Fault} `unavailable` when the client does not open all streams within half a minute */
export async function acceptSpdyCommand(
  upgrade: UpgradeRequest,
  wanted: WantedStreams,
): Promise<RemoteStreams> {
  const theirs = offered(upgrade.request, "X-Stream-Protocol-Version");
  const protocol = theirs.length === 0 ? "channel.k8s.io" : theirs.find((name) => protocols.includes(name));
  if (protocol === undefined) {
    const accepted = protocols.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`);
    refuseUpgrade(
      upgrade.socket,
      "403 Forbidden",
      `unable to upgrade: unable to negotiate protocol: client supports ${JSON.stringify(theirs)}, server supports ${JSON.stringify(protocols)}`,
      accepted,
    );
    throw new Fault("invalid", "no protocol of remote commands in common");
  }
  acceptSpdy(upgrade, theirs.length === 0 ? "" : protocol);
  return collect(upgrade.socket, namesOf(wanted, protocol), protocol);
}

function namesOf({ stdin, stdout, stderr, tty }: WantedStreams, protocol: string): readonly string[] {
  const hasSizes = tty && /^v[34]/.test(protocol);
  return [
    "error",
    ...(stdin ? ["stdin"] : []),
    ...(stdout ? ["stdout"] : []),
    ...(stderr && !tty ? ["stderr"] : []),
    ...(hasSizes ? ["resize"] : []),
  ];
}

async function collect(socket: Duplex, names: readonly string[], protocol: string): Promise<RemoteStreams> {
  const streams = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<void>();
  const session = new SpdySession(socket, "server", (stream) => {
    const name = stream.headers["streamtype"] ?? "";
    if (!names.includes(name) || streams.has(name)) return void stream.destroy();
    stream.reply();
    streams.set(name, stream);
    if (streams.size === names.length) complete.resolve();
  });
  const timer = setTimeout(
    () => complete.reject(new Fault("unavailable", "timed out waiting for client to create streams")),
    streamsTimeoutMs,
  );
  session.signal.addEventListener("abort", () =>
    complete.reject(new Fault("unavailable", "the client has gone before it created its streams")),
  );
  try {
    await complete.promise;
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const [stdin, stdout, stderr] = [streams.get("stdin"), streams.get("stdout"), streams.get("stderr")];
  // Only one way each: what comes the other way is for nobody.
  for (const stream of [streams.get("error"), stdout, stderr]) stream?.resume();
  const resize = streams.get("resize");
  return {
    stdin,
    stdout,
    stderr,
    sizes: resize && sizesOf(resize),
    signal: session.signal,
    finish: async (status) => {
      await Promise.all([flushed(stdout), flushed(stderr)]);
      const error = streams.get("error");
      const text = protocol.startsWith("v4") ? JSON.stringify(status) : textOf(status);
      if (text !== "" && error?.destroyed === false) error.write(text);
      await flushed(error);
      for (const stream of streams.values()) stream.destroy();
      session.leave();
      const timer = setTimeout(() => session[Symbol.dispose](), leaveTimeoutMs).unref();
      await session.ended;
      clearTimeout(timer);
    },
  };
}

/** How long the client has to read the end of it. */
const leaveTimeoutMs = 5_000;

/** As it was told before there was a status. */
function textOf(status: RemoteStatus): string {
  if (status.status === "Success") return "";
  const exitCode = exitCodeOf(status);
  return exitCode === undefined
    ? (status.message ?? "")
    : `command terminated with non-zero exit code: exit status ${exitCode}`;
}

function sizesOf(stream: SpdyStream): SizeQueue {
  const queue = new SizeQueue();
  const lines = createInterface({ input: stream });
  stream.on("error", () => {});
  // Go's encoder ends each with a newline.
  lines.on("line", (line) => queue.pushText(line));
  for (const event of ["end", "close"]) stream.once(event, () => queue.end());
  return queue;
}
