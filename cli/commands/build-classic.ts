import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { parseReference } from "#oci/reference.ts";
import { proxyVariables } from "../config/proxies.ts";
import { readAllAuths } from "../config/registry-auth.ts";
import type { Context } from "../context.ts";
import { parseUlimit } from "../options/device-specs.ts";
import { keyValues } from "../options/environment.ts";
import { parseBytes } from "../options/quantities.ts";
import { formatBytes4 } from "../output/units.ts";
import { folderArchive } from "../streams/folder-archive.ts";
import { packBytes } from "../streams/pack-tree.ts";
import { showProgress } from "../streams/progress.ts";
import { Exit } from "../failure.ts";
import { standardInput } from "./archives.ts";
import type { BuildValues } from "./build.ts";

type ClassicValues = Pick<BuildValues, ClassicFlag>;
type ClassicFlag = (typeof classicFlags)[number];

/** What the classic builder knows. */
const classicFlags = [
  "add-host",
  "build-arg",
  "cache-from",
  "cgroup-parent",
  "compress",
  "cpu-period",
  "cpu-quota",
  "cpu-shares",
  "cpuset-cpus",
  "cpuset-mems",
  "disable-content-trust",
  "file",
  "force-rm",
  "iidfile",
  "isolation",
  "label",
  "memory",
  "memory-swap",
  "network",
  "no-cache",
  "platform",
  "pull",
  "quiet",
  "rm",
  "security-opt",
  "shm-size",
  "squash",
  "tag",
  "target",
  "ulimit",
] as const;

const deprecation = `DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
            environment-variable.

`;

/** Builds by `POST /build`, as docker does with DOCKER_BUILDKIT=0. */
export async function buildClassic(
  context: Context,
  values: BuildValues,
  place: string,
  given: ReadonlySet<string>,
): Promise<number> {
  const isKnown: ReadonlySet<string> = new Set(classicFlags);
  const unknown = [...given].find((name) => !isKnown.has(name));
  if (unknown !== undefined) throw new Exit(badFlag, `unknown flag: --${unknown}: it needs BuildKit`);
  values.tag.forEach(parseReference);
  context.err.write(deprecation);
  const source = openContextSource(values, place);
  let id = "";
  const quietly = {
    ...context.out,
    isTerminal: false,
    write: (piece: string | Uint8Array) => void said.push(String(piece)),
  };
  const said: string[] = [];
  const messages = context
    .engine()
    .buildImage(
      source.archive === undefined || values.quiet ? source.archive : counted(context, source.archive),
      queryOf(context, values, source),
      await readAllAuths(context.config()),
      context.signal,
    );
  try {
    await showProgress(messages, values.quiet ? quietly : context.out, {
      onAux: (aux) => {
        if (typeof aux["ID"] === "string") id = aux["ID"];
      },
    });
  } catch (error) {
    if (values.quiet) context.err.write(said.join(""));
    const code = error instanceof Fault ? Number(error.detail["code"] ?? 1) : 1;
    if (error instanceof Fault && error.detail["code"] !== undefined)
      throw new Exit(code === 0 ? 1 : code, error.message);
    throw error;
  }
  if (values.quiet) context.out.write(id === "" ? said.join("") : `${id}\n`);
  if (values.iidfile !== undefined) {
    if (id === "")
      throw new Fault("internal", `server did not provide an image ID. Cannot write ${values.iidfile}`);
    writeFileSync(values.iidfile, id);
  }
  return 0;
}

/** Tells how much was sent, in docker's words. */
async function* counted({ out }: Context, archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of archive) {
    sent += chunk.length;
    yield chunk;
  }
  out.write(`Sending build context to Docker daemon ${formatBytes4(sent).padStart(8)}\n`);
}

/** As for flags that no command has. */
const badFlag = 125;

interface ContextSource {
  readonly archive?: AsyncIterable<Uint8Array>;
  readonly remote?: string;
  readonly dockerfile: string;
}

function openContextSource(values: ClassicValues, place: string): ContextSource {
  const file = values.file ?? "";
  if (place === "-" && file === "-")
    throw new Fault("invalid", "invalid argument: can't use stdin for both build context and dockerfile");
  if (place === "-")
    return { archive: archiveOrDockerfile(standardInput()), dockerfile: file || "Dockerfile" };
  if (/^(https?:\/\/|git:\/\/|github\.com\/|git@)/.test(place)) return { remote: place, dockerfile: file };
  return folderSource(values, place);
}

function folderSource(values: ClassicValues, place: string): ContextSource {
  const folder = resolve(place);
  if (!existsSync(folder))
    throw new Fault("not-found", `unable to prepare context: path ${JSON.stringify(place)} not found`);
  if (!statSync(folder).isDirectory())
    throw new Fault("invalid", `unable to prepare context: context must be a directory: ${folder}`);
  const file = values.file ?? "";
  if (file === "-") {
    const bytes = readFileSync(0);
    const name = ".dockerfile.stdin";
    return { archive: folderArchive(folder, name, [{ name, bytes }]), dockerfile: name };
  }
  const path = file === "" ? join(folder, "Dockerfile") : resolve(file);
  if (!existsSync(path))
    throw new Fault(
      "not-found",
      `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${path}: no such file or directory`,
    );
  const inside = relative(folder, path);
  if (inside.startsWith("..") || isAbsolute(inside)) {
    const name = ".dockerfile.outside";
    return { archive: folderArchive(folder, name, [{ name, bytes: readFileSync(path) }]), dockerfile: name };
  }
  return { archive: folderArchive(folder, inside), dockerfile: inside };
}

/** Standard input is an archive, compressed or not, or else a Dockerfile alone. */
async function* archiveOrDockerfile(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const magic = bytes.subarray(0, 6).toString("hex");
  const isArchive =
    /^(1f8b|425a68|fd377a585a00|28b52ffd)/.test(magic) || bytes.subarray(257, 262).toString() === "ustar";
  if (isArchive) yield bytes;
  else {
    yield* packBytes("Dockerfile", bytes);
    yield new Uint8Array(1024);
  }
}

function queryOf(context: Context, values: ClassicValues, source: ContextSource) {
  const bytes = (spec: string | undefined) => (spec === undefined ? undefined : parseBytes(spec));
  const some = (list: readonly string[]) => (list.length === 0 ? undefined : JSON.stringify(list));
  const args: Record<string, string | null> = {};
  for (const proxy of proxyVariables(context.config().content.proxies, context.env))
    Object.assign(args, keyValues([proxy]));
  for (const spec of values["build-arg"]) {
    if (spec.includes("=")) Object.assign(args, keyValues([spec]));
    else args[spec] = context.env[spec] ?? null;
  }
  const ulimits = values.ulimit.map(parseUlimit);
  return {
    buildargs: JSON.stringify(args),
    cachefrom: JSON.stringify(values["cache-from"]),
    cgroupparent: values["cgroup-parent"],
    cpuperiod: values["cpu-period"],
    cpuquota: values["cpu-quota"],
    cpushares: values["cpu-shares"],
    cpusetcpus: values["cpuset-cpus"],
    cpusetmems: values["cpuset-mems"],
    dockerfile: source.dockerfile === "" ? undefined : source.dockerfile,
    extrahosts: values["add-host"],
    forcerm: values["force-rm"],
    labels: JSON.stringify(keyValues(values.label)),
    memory: bytes(values.memory),
    memswap: bytes(values["memory-swap"]),
    networkmode: values.network ?? "default",
    nocache: values["no-cache"],
    platform: values.platform[0] ?? context.env["DOCKER_DEFAULT_PLATFORM"],
    pull: values.pull,
    remote: source.remote,
    rm: values.rm ? "1" : "0",
    securityopt: some(values["security-opt"]),
    shmsize: bytes(values["shm-size"]),
    squash: values.squash,
    t: values.tag,
    target: values.target,
    ulimits: ulimits.length === 0 ? undefined : JSON.stringify(ulimits),
    version: "1",
  };
}
