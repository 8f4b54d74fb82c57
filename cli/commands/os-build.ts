import { existsSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "#base/fault.ts";
import { parseSourceDate } from "../bootstrap/source-date.ts";
import { type Context, defineCommand } from "../context.ts";
import { list, text } from "../flags.ts";
import { parseBytes } from "../options/quantities.ts";
import { buildImage, type ImageRequest } from "../os/build-image.ts";
import { newestIndexDate } from "../os/index-date.ts";
import { parseRuntime, runtimes } from "../os/recipes.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatElapsed } from "../output/units.ts";
import { findArchive } from "../packages/archives.ts";

const usualSuite = "trixie";
const usualSize = "8g";
const mebibyte = 1 << 20;
const smallest = 1024 * mebibyte;

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  asksNobody: true,
  usage: "[flags]",
  about: [
    "Makes a disk image (qcow2) from Debian's packages that starts by BIOS and UEFI, is configured by cloud-init (NoCloud), and runs",
    "containers. The same packages give the same image, byte for byte; SOURCE_DATE_EPOCH sets the latest time in it (default: that of",
    "the archive's newest index). Runtimes:",
    "",
    formatTable(
      [],
      Object.entries(runtimes).map(([name, { summary }]) => [`  ${name}`, summary]),
    ).trimEnd(),
  ].join("\n"),
  flags: {
    mirror: text("URL", "Where the archive is (default http://deb.debian.org/debian)"),
    output: text("FILE", "The image (default gantry-os-RUNTIME.qcow2 in hypervisor/os of --root)", "o", {
      complete: "file",
    }),
    package: list("NAME", "A package beside those that every image has (may be repeated)"),
    runtime: text("NAME", "What runs containers", undefined, {
      shownDefault: "gantry",
      complete: Object.keys(runtimes),
    }),
    "security-mirror": text("URL", "Where the archive of security updates is"),
    size: text("BYTES", "Of the machine's disk; the file is as large as what is in it", undefined, {
      shownDefault: usualSize,
    }),
    suite: text("NAME", "Which Debian", undefined, { shownDefault: usualSuite }),
  },
  operands: [0, 0],
  examples: [
    ["gantry os build", "for machines that run Gantry"],
    ["gantry os build --runtime docker -o docker.qcow2 --size 20g", "Docker, on a larger disk"],
    ["gantry os build --package htop --package tcpdump", "with tools"],
  ],
  async run(context, values) {
    const { mirror, "security-mirror": securityMirror, suite = usualSuite, size = usualSize } = values;
    const { env, instance, out, signal } = context;
    const runtime = parseRuntime(values.runtime ?? "gantry");
    checkMachine(env["PATH"]);
    const before = performance.now();
    const archive = archiveOf(suite, mirror, securityMirror);
    const folder = join(instance.root, "hypervisor/os");
    const output = values.output ?? join(folder, `gantry-os-${runtime}.qcow2`);
    const request: ImageRequest = {
      runtime,
      output,
      folder,
      archive,
      suite,
      diskBytes: parseDiskSize(size),
      packages: values.package.map(parsePackageName),
      seconds: parseSourceDate(env["SOURCE_DATE_EPOCH"]) ?? (await newestIndexDate(archive, signal)),
      home: fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, ""),
    };
    const { bytes, sha256 } = await buildImage(request, (step) => say(context, step, before), signal);
    const took = formatElapsed(performance.now() - before);
    out.write(`${out.bold(output)}  sha256:${sha256}  ${formatBytes(bytes)} ${out.dim(`(${took})`)}\n`);
    return 0;
  },
});

function say({ err }: Context, step: string, before: number): void {
  err.write(`${formatElapsed(performance.now() - before).padStart(8)}  ${step}\n`);
}

/** Says at once what would be missed in the middle. */
function checkMachine(path: string | undefined): void {
  if (arch() !== "x64")
    throw new Fault("precondition", `images of machines are made on amd64, not on ${arch()}`);
  if (process.getuid?.() !== 0)
    throw new Fault("precondition", "root is needed to install packages into a folder");
  const folders = (path ?? "").split(":");
  for (const [program, name] of [
    ["qemu-img", "qemu-utils"],
    ["gpgv", "gpgv"],
    ["xz", "xz-utils"],
    ["dpkg-deb", "dpkg"],
  ] as const)
    if (!folders.some((folder) => existsSync(join(folder, program))))
      throw new Fault("precondition", `${program} is not installed: it is in the package ${name}`);
}

function archiveOf(suite: string, mirror: string | undefined, securityMirror: string | undefined) {
  const mirrors = { mirror: withoutSlash(mirror), securityMirror: withoutSlash(securityMirror ?? mirror) };
  const archive = findArchive({ id: "debian", codename: suite }, mirrors);
  if (archive === undefined) throw new Fault("invalid", `'${suite}' is no name of a suite`);
  return archive;
}

function withoutSlash(url: string | undefined): string | undefined {
  if (url !== undefined && !/^https?:\/\/[^\s'"]+$/.test(url))
    throw new Fault("invalid", `'${url}' is no address of a mirror`);
  return url?.replace(/\/+$/, "");
}

function parsePackageName(name: string): string {
  if (/^[a-z0-9][a-z0-9+.-]+$/.test(name)) return name;
  throw new Fault("invalid", `'${name}' is no name of a package`);
}

function parseDiskSize(size: string): number {
  const bytes = Math.ceil(parseBytes(size) / mebibyte) * mebibyte;
  if (bytes < smallest) throw new Fault("invalid", `a disk of ${size} is too small: the least is 1g`);
  return bytes;
}
