import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../bootstrap/run-program.ts";
import { compileGantry } from "./compiled-gantry.ts";
import { cloudConfig } from "./cloud-config.ts";
import { archiveFolder, archiveOf } from "./debian-tree.ts";
import { clampTimes, pathsBelow, putFile, putLink, removePath } from "./file-tree.ts";
import { gantryFiles, programFolder } from "./gantry-files.ts";
import type { RuntimeRecipe } from "./recipes.ts";
import { systemFiles } from "./system-files.ts";
import { isUnwanted } from "./unwanted.ts";

/** What lies in the tree no longer when it is furnished, and is needed to make it start. */
export interface BootParts {
  readonly kernel: string;
  readonly busybox: string;
  readonly stub: string;
  /** The folder of the kernel's modules. */
  readonly modules: string;
}

/** Modules that a start needs, or the first container: these are not left to be unpacked in the machine. */
const plainModules = [
  "arch/x86/crypto",
  "crypto",
  "drivers/ata",
  "drivers/block",
  "drivers/cdrom",
  "drivers/char/hw_random",
  "drivers/net",
  "drivers/scsi",
  "drivers/virtio",
  "fs/fat",
  "fs/fuse",
  "fs/isofs",
  "fs/nls",
  "fs/overlayfs",
  "lib",
  "net",
];

/** Unpacks the packages that were only fetched, and puts the kernel's modules into the tree. */
export async function placeKernel(tree: string, work: string, signal: AbortSignal): Promise<BootParts> {
  const [kernel, busybox, boot] = ["kernel", "busybox", "boot"].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  const unpack = (name: string, folder: string) =>
    runProgram(["dpkg-deb", "--extract", archiveOf(tree, name), folder], { signal });
  await unpack("linux-image-", kernel);
  await unpack("busybox-static_", busybox);
  await unpack("systemd-boot-efi_", boot);
  const [release = ""] = readdirSync(join(kernel, "usr/lib/modules"));
  const modules = join(tree, "usr/lib/modules", release);
  await runProgram(["cp", "-a", join(kernel, "usr/lib/modules"), join(tree, "usr/lib/")], { signal });
  await runProgram(
    [
      "find",
      ...plainModules.map((name) => join(modules, "kernel", name)),
      "-name",
      "*.ko.xz",
      "-exec",
      "xz",
      "-d",
      "{}",
      "+",
    ],
    { signal },
  );
  await runProgram(["chroot", tree, "depmod", release], { signal });
  removePath(tree, archiveFolder);
  return {
    kernel: join(kernel, "boot", `vmlinuz-${release}`),
    busybox: join(busybox, "usr/bin/busybox"),
    stub: join(boot, "usr/lib/systemd/boot/efi/linuxx64.efi.stub"),
    modules,
  };
}

/** Puts in what no package has, takes out what no machine should share with another, compiles Python, and sets times. */
export async function furnishTree(
  tree: string,
  {
    runtime,
    home,
    seconds,
  }: { readonly runtime: RuntimeRecipe; readonly home: string; readonly seconds: number },
  signal: AbortSignal,
): Promise<void> {
  const unwanted = [...pathsBelow(tree)].filter(isUnwanted);
  for (const path of unwanted) removePath(tree, path);
  if (runtime.hasGantry) {
    for (const { path, bytes, mode } of gantryFiles(home))
      putFile(tree, `${programFolder}/${path}`, bytes, mode);
    await compileGantry(tree, signal);
  }
  for (const file of systemFiles(runtime, cloudConfig))
    if ("target" in file) putLink(tree, file.path, file.target);
    else putFile(tree, file.path, file.text, file.mode);
  await compilePython(tree, signal);
  clampTimes(tree, seconds);
}

/** Not by the times of the sources, which nobody then has to look up. */
async function compilePython(tree: string, signal: AbortSignal): Promise<void> {
  const compile = ["python3", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"];
  const [library = ""] = readdirSync(join(tree, "usr/lib")).filter((name) => /^python3\.\d+$/.test(name));
  await runProgram(["chroot", tree, ...compile, `/usr/lib/${library}`, "/usr/lib/python3/dist-packages"], {
    env: { PATH: "/usr/sbin:/usr/bin", PYTHONHASHSEED: "0" },
    signal,
  });
}
