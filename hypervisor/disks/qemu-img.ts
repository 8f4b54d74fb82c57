import { execFile } from "node:child_process";
import { Fault } from "#base/fault.ts";

export interface ImageInfo {
  readonly format: string;
  /** What a guest sees. */
  readonly virtualBytes: number;
  /** What it takes on the host. */
  readonly actualBytes: number;
  readonly backingFile?: string;
}

const sectorBytes = 512;

/** A file of the disk store: never probed for its format, which a guest could have written. */
export type ImageFormat = "qcow2" | "raw" | "vmdk" | "vpc" | "vhdx";

export async function createImage(
  path: string,
  options: { readonly bytes?: number; readonly backing?: string },
  signal: AbortSignal,
): Promise<void> {
  const backing = options.backing === undefined ? [] : ["-b", options.backing, "-F", "qcow2"];
  const size = options.bytes === undefined ? [] : [String(options.bytes)];
  await run(["create", "-q", "-f", "qcow2", ...backing, path, ...size], signal);
}

export interface ConvertOptions {
  readonly isCompressed?: boolean;
  /** Of qcow2: `0.10` for what is older than 2012. */
  readonly compat?: "0.10" | "1.1";
  /** Told percents. */
  readonly onProgress?: (percent: number) => void;
}

/** Writes a qcow2 file with all that the other one and those below it have. What another process writes meanwhile is not seen. */
export async function convertImage(
  from: { readonly path: string; readonly format: ImageFormat },
  to: string,
  signal: AbortSignal,
  options: ConvertOptions = {},
): Promise<void> {
  const { isCompressed = false, compat, onProgress } = options;
  const flags = [
    // By default nothing sees to it that what is written gets to the disk.
    "-t",
    "writeback",
    ...(isCompressed ? ["-c"] : []),
    ...(compat === undefined ? [] : ["-o", `compat=${compat}`]),
    ...(onProgress === undefined ? [] : ["-p"]),
  ];
  // A machine may have a lower layer open, too.
  const args = ["convert", "-U", "-f", from.format, "-O", "qcow2", ...flags, from.path, to];
  await run(args, signal, (text) => {
    const percents = [...text.matchAll(/\((\d+\.\d+)\/100%\)/g)];
    const last = percents.at(-1)?.[1];
    if (last !== undefined) onProgress?.(Number(last));
  });
}

export interface Extent {
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** 0: in the image itself, 1: in the one below, and so on; absent where none has anything. */
  readonly depth?: number;
}

/** Which of an image and those below it has what. */
export async function mapImage(path: string, signal: AbortSignal): Promise<readonly Extent[]> {
  const text = await run(["map", "-U", "--output=json", "-f", "qcow2", path], signal);
  const all = JSON.parse(text) as readonly {
    start: number;
    length: number;
    depth: number;
    present?: boolean;
  }[];
  return all.map(({ start, length, depth, present }) => ({
    startBytes: start,
    lengthBytes: length,
    ...(present !== false && { depth }),
  }));
}

/** Makes an image stand on another one of those below it: it has then itself what those between had. */
export async function rebaseImage(
  path: string,
  onto: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const base = onto === undefined ? ["-b", ""] : ["-F", "qcow2", "-b", onto];
  await run(["rebase", "-q", "-f", "qcow2", ...base, path], signal);
}

/** @throws {Fault} `invalid` when the file is no image of that format */
export async function readImageInfo(
  path: string,
  format: ImageFormat,
  signal: AbortSignal,
): Promise<ImageInfo> {
  const text = await run(["info", "--output=json", "-U", "-f", format, path], signal);
  const info = JSON.parse(text) as Readonly<Record<string, unknown>>;
  return {
    format: String(info["format"]),
    virtualBytes: Number(info["virtual-size"]),
    actualBytes: Number(info["actual-size"]),
    ...(typeof info["backing-filename"] === "string" && { backingFile: info["backing-filename"] }),
  };
}

/** Disks end with a whole sector. */
export function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes;
}

export async function growImage(path: string, bytes: number, signal: AbortSignal): Promise<void> {
  await run(["resize", "-q", "-f", "qcow2", path, String(wholeSectors(bytes))], signal);
}

async function run(
  args: readonly string[],
  signal: AbortSignal,
  onOutput?: (text: string) => void,
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(
      "qemu-img",
      args,
      { signal, maxBuffer: 16 << 20, encoding: "utf8" },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        if (error.name === "AbortError") return reject(error);
        const text = stderr.trim().replace(/^qemu-img: /, "");
        if (/no space left/i.test(text))
          return reject(new Fault("exhausted", "No space left on device", { cause: error }));
        if ("code" in error && error.code === "ENOENT")
          return reject(new Fault("precondition", "qemu-img is not installed"));
        return reject(new Fault("invalid", text === "" ? error.message : text, { cause: error }));
      },
    );
    if (onOutput !== undefined) child.stdout?.on("data", onOutput);
  });
}
