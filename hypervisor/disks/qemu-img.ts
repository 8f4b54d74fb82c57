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

/** Writes a qcow2 file with what the other one has. @param onProgress told percents */
export async function convertImage(
  from: { readonly path: string; readonly format: ImageFormat },
  to: string,
  signal: AbortSignal,
): Promise<void> {
  await run(["convert", "-f", from.format, "-O", "qcow2", from.path, to], signal);
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

export async function growImage(path: string, bytes: number, signal: AbortSignal): Promise<void> {
  await run(["resize", "-q", "-f", "qcow2", path, String(bytes)], signal);
}

async function run(args: readonly string[], signal: AbortSignal): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile("qemu-img", args, { signal, maxBuffer: 16 << 20, encoding: "utf8" }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (error.name === "AbortError") return reject(error);
      const text = stderr.trim().replace(/^qemu-img: /, "");
      if (/no space left/i.test(text))
        return reject(new Fault("exhausted", "No space left on device", { cause: error }));
      if ("code" in error && error.code === "ENOENT")
        return reject(new Fault("precondition", "qemu-img is not installed"));
      return reject(new Fault("invalid", text === "" ? error.message : text, { cause: error }));
    });
  });
}
