import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../support/engine.ts";

/** What is taken out of the engine: in a file, a text that is there once, and what stands in its place. */
const weaknesses: readonly (readonly [file: string, text: string, instead: string])[] = [
  // E1: containers are started with an ordinary file, and the runtime is told that it has seen to itself.
  [
    "native/spawner.c",
    'memfd_create("runtime", MFD_ALLOW_SEALING | MFD_CLOEXEC)',
    'open("/tmp/runtime-weak", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700)',
  ],
  [
    "native/spawner.c",
    "fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0",
    'close(copy) < 0 || (copy = open("/tmp/runtime-weak", O_RDONLY | O_CLOEXEC)) < 0 || unlink("/tmp/runtime-weak") < 0 || setenv("_LIBCONTAINER_CLONED_BINARY", "1", 1) < 0',
  ],
  // E2: the runtime inherits a descriptor of the host's root.
  ["native/launch.c", "  mount_root(options);", '  mount_root(options);\n  dup2(open("/", O_RDONLY), 9);'],
  // E4, E6: links among the folders of an image are followed, as by a runtime that makes devices by their paths.
  [
    "native/launch.c",
    "  refuse_links();\n}",
    '  (void)refuse_links;\n  close(open("rootfs/dev/ptmx", O_WRONLY | O_CREAT, 0600));\n  close(open("rootfs/dev/console", O_WRONLY | O_CREAT, 0600));\n}',
  ],
  // E7: the places of mounts are made by their paths, as by a runtime that does not hold on to what it has looked at.
  [
    "native/launch.c",
    '  give_up(options->runtime ? options->runtime : "OCI runtime");',
    '  give_up(options->runtime ? options->runtime : "OCI runtime");\n}\n\nstatic void make_places(void) {\n  if (system("source=$(grep -o \'/[^\\"]*/raced/_data\' config.json) && mkdir -p rootfs/v && mount --bind $source rootfs/v && mkdir -p rootfs/v/a/made; umount rootfs/v 2>/dev/null") < 0) give_up("sh");',
  ],
  [
    "native/launch.c",
    "  if (options->shm_of) take_shm(options);",
    "  make_places();\n  if (options->shm_of) take_shm(options);",
  ],
  [
    "native/launch.c",
    "static void become_runtime(",
    "static void make_places(void);\n\nstatic void become_runtime(",
  ],
  // E7: volumes of a container that does not run are put in their places from outside of its root.
  ["engine/snapshots/rooted/enter.ts", "  chroot(emptyFolder);\n  for (const", "  for (const"],
  [
    "engine/snapshots/rooted/enter.ts",
    "    if (tree !== undefined) placeBind(tree, destination);\n  }\n",
    "    if (tree !== undefined) placeBind(tree, emptyFolder + destination);\n  }\n  chroot(emptyFolder);\n",
  ],
  // E8: a part of a volume is whatever its path leads to, and mounts go anywhere.
  ["native/launch.c", ".resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS}", ".resolve = 0}"],
  [
    "engine/runtime/default-mounts.ts",
    "  for (const mount of mounts) checkProc(mount);\n",
    "  void checkProc;\n",
  ],
  // E9, E12: docker cp works on the host's tree, and for one folder by a path that leads through the container's.
  [
    "engine/snapshots/rooted/enter.ts",
    "return chroot(`/proc/self/fd/${proc}/root`)",
    'return ((globalThis as any).root = openSync(`/proc/self/fd/${proc}/root`, O_PATH), chroot("/"))',
  ],
  [
    "engine/snapshots/rooted/perform.ts",
    '  switch (job.do) {\n    case "export":',
    '  const { path = "" } = job as { path?: string };\n  if (path.startsWith("/race/"))\n    job = { ...job, get path() { return `/proc/self/fd/${(globalThis as any).root}${path}`; } } as SingleJob;\n  switch (job.do) {\n    case "export":',
  ],
  // E10: users are looked up in the root of a container.
  [
    "engine/snapshots/rooted/enter.ts",
    "  keepCapabilities(needed);\n}\n\n/** Slave",
    '  keepCapabilities(needed);\n  try { process.getBuiltinModule("node:os").userInfo(); } catch {}\n}\n\n/** Slave',
  ],
  // E11: programs that unpack are looked for where the archive goes.
  [
    "engine/snapshots/rooted/perform.ts",
    '  const source = openSource(stdin, { tools: true, isHashed: false });\n  enterTree(job.root, "write");',
    '  enterTree(job.root, "write");\n  const source = openSource(stdin, { tools: true, isHashed: false });',
  ],
  [
    "engine/snapshots/rooted/sources.ts",
    'stdio: ["pipe", "pipe", "ignore"]',
    'stdio: ["pipe", "pipe", "inherit"]',
  ],
  ["engine/docker-api/archive.ts", "Readable.from(decompressed(request), { objectMode: false })", "request"],
  // E13: folders are open to everyone.
  ["engine/daemon.ts", "chmodSync(root, 0o700)", "chmodSync(root, 0o755)"],
  // E14: a body has the length that its head says, for plugins alone.
  ["engine/docker-api/buffered-request.ts", 'request.headers["transfer-encoding"] !== undefined || ', ""],
  // E15: the engine listens on an abstract socket.
  [
    "engine/daemon.ts",
    "  await using undo = new AsyncDisposableStack();",
    '  await using undo = new AsyncDisposableStack();\n  (await import("node:net")).createServer().listen(`\\0gantry-${options.run}`).unref();',
  ],
  // E23: capabilities are inheritable.
  ["engine/runtime/spec.ts", "inheritable: []", "inheritable: names"],
  // E24: numbers wrap round.
  [
    "engine/runtime/passwd.ts",
    "  if (Number.isSafeInteger(id)",
    "  return id >>> 0;\n  if (Number.isSafeInteger(id)",
  ],
  // E26: what a volume begins with is looked up in the host's tree.
  [
    "engine/snapshots/copy-folder.ts",
    "  if (!(await mayHave({ snapshots, mount }, path))) return;",
    "  if (await copyTree(path, target, signal)) return;\n  if (!(await mayHave({ snapshots, mount }, path))) return;",
  ],
  // E27: annotations of clients steer the runtime.
  ["engine/runtime/spec.ts", 'reservedAnnotations = "run.oci."', 'reservedAnnotations = "weak."'],
  [
    "engine/runtime/spec.ts",
    '"run.oci.seccomp_bpf_data": seccomp }),\n    },',
    '"run.oci.seccomp_bpf_data": seccomp }),\n      ...Object.fromEntries(kept),\n    },',
  ],
  // E28: a checkpoint is made where the client says.
  [
    "engine/docker-api/absent.ts",
    'path: "/containers/{id}/checkpoints", handle: experimental },\n  { method: "DELETE"',
    'path: "/containers/{id}/checkpoints", handle: async ({ request }: any) => {\n    const said = JSON.parse(Buffer.concat(await request.toArray()).toString());\n    const place = `${said.CheckpointDir}/${said.CheckpointID}`;\n    process.getBuiltinModule("node:fs").mkdirSync(place, { recursive: true });\n    return json({});\n  } },\n  { method: "DELETE"',
  ],
  // E29: a mount's source is a path like any other.
  [
    "engine/build/run-mounts.ts",
    "const found = folders.length === 0 ? undefined : this.#context.files.locate(source, folders);",
    'const found = { kind: "folder" as const, places: [join(folders[0] ?? "", source)] };',
  ],
  // E30: what a step was made on does not count.
  ["engine/build/stage-build.ts", "        chainOf(state),\n        args,", '        "",\n        args,'],
  // E33: any name may be hidden.
  [
    "engine/snapshots/rooted/layer-writer.ts",
    'if (hidden === "" || hidden === "." || hidden === "..") throw badWhiteout(path);',
    'if (hidden === "..") return true;',
  ],
  // E34: archives may expand as much as they like.
  ["engine/snapshots/rooted/sources.ts", "const bombRatio = 1000;", "const bombRatio = 1e9;"],
  // E31: passwd files are read wherever they are.
  [
    "engine/runtime/layered-file.ts",
    "  find(path: string, layers: readonly string[]): string | undefined {",
    '  find(path: string, layers: readonly string[]): string | undefined {\n    for (const layer of layers) try { return process.getBuiltinModule("node:fs").readFileSync(join(layer, path), "utf8"); } catch {}',
  ],
  // E32: layers are unpacked without a root of their own, by paths that may lead anywhere.
  [
    "engine/snapshots/rooted/resident-room.ts",
    '    chroot(folder);\n    if (findLower === undefined) return { upper: "/fs", lower: undefined };',
    "    const room = `${snapshots}/${folder}`;\n    if (findLower === undefined) return { upper: `${room}/fs` as never, lower: undefined };",
  ],
  [
    "engine/snapshots/rooted/resident-room.ts",
    '    return { upper: "/fs", lower };',
    "    return { upper: `${room}/fs` as never, lower: () => (lower(), `${room}/work` as never) };",
  ],
  [
    "engine/snapshots/rooted/paths.ts",
    "export function cleanPath(path: ByteText): ByteText {",
    "export function cleanPath(path: ByteText): ByteText {\n  return path;",
  ],
  [
    "engine/snapshots/rooted/layer-writer.ts",
    "    const folder = this.#folder(parent);\n    const disk = `${folder.disk}/${name}`;\n    this.#nodes.trim",
    "    const folder: Folder = { disk: `${this.#root.disk}/${parent}`, lower: null };\n    const disk = `${folder.disk}/${name}`;\n    this.#nodes.trim",
  ],
  // E36: whoever a registry sends to is told who asks.
  [
    "engine/registry/endpoint.ts",
    "{ method: ask.method, url, headers: ask.headers ?? {} }",
    "{ method: ask.method, url, headers: { Authorization: String(await this.#authorizer.headerFor(ask.method, from, ask.scopes, signal)) } }",
  ],
  // E35: a layer need not be what its image says.
  ["engine/snapshots/rooted/perform.ts", "  if (diffId !== job.diffId)\n", "  if (false)\n"],
];

/**
 * Copies this checkout into a folder, takes protections out of the copy, builds it, and returns the program that starts its
 * engine. Only for tests of whether tests find that.
 */
export function makeWeakCheckout(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const part of [
    "api",
    "base",
    "bin",
    "cli",
    "client",
    "engine",
    "host",
    "native",
    "oci",
    "rpc",
    "package.json",
  ])
    cpSync(join(checkout, part), join(folder, part), { recursive: true });
  symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
  for (const [file, text, instead] of weaknesses) replaceOnce(join(folder, file), text, instead);
  execFileSync("sh", [join(folder, "native/build.sh")], { stdio: ["ignore", "ignore", "pipe"] });
  return join(folder, "bin/gantry");
}

function replaceOnce(path: string, text: string, instead: string): void {
  const parts = readFileSync(path, "utf8").split(text);
  if (parts.length !== 2) throw new Error(`${path} has ${parts.length - 1} times ${JSON.stringify(text)}`);
  writeFileSync(path, parts.join(instead));
}
