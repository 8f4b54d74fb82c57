import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineUnderTest } from "./engine.ts";

/**
 * Loads an image of busybox-static with links for its applets under the given reference, `test:latest` unless told.
 *
 * @param change what is done to its files before they become a layer
 */
export async function loadBusybox(
  engine: EngineUnderTest,
  reference = "test:latest",
  config: object = {},
  change: (rootfs: string) => void = () => {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-image-"));
  try {
    const archive = makeArchive(folder, reference, config, change);
    const answer = await engine.upload("POST", "/images/load", createReadStream(archive));
    if (!answer.body.includes("Loaded image")) throw new Error(`load: ${answer.status} ${answer.body}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes the archive into the folder and returns its path. */
export function makeArchive(
  folder: string,
  reference: string,
  config: object,
  change: (rootfs: string) => void = () => {},
): string {
  const rootfs = join(folder, "rootfs");
  for (const name of ["bin", "etc", "tmp", "root", "proc", "sys", "dev"])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  for (const applet of execFileSync("/bin/busybox", ["--list"], { encoding: "utf8" }).trim().split("\n"))
    if (applet !== "busybox") symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  );
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  change(rootfs);
  execFileSync("tar", [
    "-C",
    rootfs,
    "--numeric-owner",
    "--sort=name",
    "--mtime=@0",
    "-cf",
    join(folder, "layer.tar"),
    ".",
  ]);
  const diffId = createHash("sha256")
    .update(readFileSync(join(folder, "layer.tar")))
    .digest("hex");
  const image = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    created: "2024-01-01T00:00:00Z",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["sh"],
      ...config,
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${diffId}`] },
    history: [{ created: "2024-01-01T00:00:00Z", created_by: "busybox" }],
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(image));
  const manifest = [{ Config: "config.json", RepoTags: [reference], Layers: ["layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, "image.tar");
  execFileSync("tar", ["-C", folder, "-cf", archive, "manifest.json", "config.json", "layer.tar"]);
  return archive;
}
