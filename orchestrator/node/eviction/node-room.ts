import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { CriClient } from "#rpc/cri-client.ts";
import type { Room } from "./plan-eviction.ts";
import type { Signal } from "./thresholds.ts";

type Rooms = Partial<Record<Signal, Room>>;

/** What the machine has, and has left: as the kernel says, for memory what it would give to programs without swapping. */
export async function measureNode(
  { images }: Pick<CriClient, "images">,
  folder: string,
  signal: AbortSignal,
): Promise<Rooms> {
  const mountpoint = await images
    .imageFsInfo({}, signal)
    .then(({ imageFilesystems }) => imageFilesystems[0]?.fsId?.mountpoint ?? "")
    .catch(() => "");
  const [node, image] = await Promise.all([
    diskRoom(folder),
    mountpoint === "" ? undefined : diskRoom(mountpoint),
  ]);
  return {
    "memory.available": memoryRoom(readFileSync("/proc/meminfo", "latin1")),
    "pid.available": pidRoom(),
    "nodefs.available": node.bytes,
    "nodefs.inodesFree": node.inodes,
    ...(image !== undefined && { "imagefs.available": image.bytes, "imagefs.inodesFree": image.inodes }),
  };
}

function memoryRoom(text: string): Room {
  const of = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { capacity: of("MemTotal"), available: of("MemAvailable") };
}

function pidRoom(): Room {
  const most = (file: string) => Number(readFileSync(`/proc/sys/kernel/${file}`, "latin1"));
  const capacity = Math.min(most("pid_max"), most("threads-max"));
  const running = Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(readFileSync("/proc/loadavg", "latin1"))?.[1] ?? 0);
  return { capacity, available: capacity - running };
}

async function diskRoom(folder: string): Promise<{ readonly bytes: Room; readonly inodes: Room }> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(folder);
  return {
    bytes: { capacity: blocks * bsize, available: bavail * bsize },
    inodes: { capacity: files, available: ffree },
  };
}
