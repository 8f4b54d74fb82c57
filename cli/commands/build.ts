import { writeFileSync } from "node:fs";
import { attestAttributes } from "../build/options/attests.ts";
import { badOption } from "../build/options/bad-option.ts";
import type { BuildOptions } from "../build/build-options.ts";
import { buildFailure } from "../build/build-failure.ts";
import { buildOne } from "../build/build-one.ts";
import { proxyVariables } from "../config/proxies.ts";
import { type Context, defineCommand } from "../context.ts";
import { bool, type FlagTable, type FlagValues, list, number, text } from "../flags.ts";
import { parseUlimit } from "../options/device-specs.ts";
import { keyValues } from "../options/environment.ts";
import { checkBytes, parseBytes } from "../options/quantities.ts";

const hidden = { hidden: true } as const;

/** What only the classic builder heeds. */
const classicFlags = {
  compress: bool("Send the context compressed", undefined, hidden),
  "cpu-period": number("int", "Length of a CFS period in microseconds", undefined, hidden),
  "cpu-quota": number("int", "CPU time a CFS period in microseconds", undefined, hidden),
  "cpu-shares": number("int", "Share of CPU time beside others", "c", hidden),
  "cpuset-cpus": text("string", "CPUs that steps may run on", undefined, hidden),
  "cpuset-mems": text("string", "Memory nodes that steps may use", undefined, hidden),
  "disable-content-trust": bool("Skip the check of an image's signature", undefined, {
    ...hidden,
    isOn: true,
  }),
  "force-rm": bool("Remove containers of steps even when one fails", undefined, hidden),
  isolation: text("string", "Isolation technology (Windows only)", undefined, hidden),
  memory: text("bytes", "Most memory of a step", "m", { ...hidden, check: checkBytes }),
  "memory-swap": text("bytes", "Memory and swap together", undefined, { ...hidden, check: checkBytes }),
  rm: bool("Remove containers of steps", undefined, { ...hidden, isOn: true }),
  "security-opt": list("strings", "A security option", undefined, hidden),
  squash: bool("Make one layer of all steps", undefined, hidden),
} as const satisfies FlagTable;

export const buildFlags = {
  "add-host": list("strings", "A line for /etc/hosts, NAME:ADDRESS"),
  allow: list("stringArray", "Something that builds may not do unless told: network.host, security.insecure"),
  annotation: list("stringArray", "An annotation of the image, KEY=VALUE"),
  attest: list("stringArray", "An attestation, e.g. type=sbom"),
  "build-arg": list("stringArray", "A variable of the build, KEY=VALUE or KEY"),
  "build-context": list("stringArray", "One more context, NAME=FOLDER|URL|docker-image://IMAGE"),
  builder: text("string", "Name of a builder: there is one, default"),
  "cache-from": list("stringArray", "A cache whose steps may be used again", undefined, {
    complete: "image",
  }),
  "cache-to": list("stringArray", "Where to keep the cache as well"),
  call: text("string", "What to do: build, check, outline or targets", undefined, {
    shownDefault: '"build"',
    complete: ["build", "check", "outline", "targets"],
  }),
  "cgroup-parent": text("string", "Control group to put steps in"),
  check: bool("Look for mistakes in the Dockerfile, and build nothing"),
  file: text("string", "The Dockerfile (default PATH/Dockerfile)", "f", { complete: "file" }),
  iidfile: text("string", "File to write the image's ID to", undefined, { complete: "file" }),
  label: list("stringArray", "A label of the image, KEY[=VALUE]"),
  load: bool("Keep the image in the engine, whatever else is done with it"),
  "metadata-file": text("string", "File to write facts about the result to", undefined, { complete: "file" }),
  network: text("string", "Network of the steps", undefined, {
    shownDefault: '"default"',
    complete: ["default", "host", "none"],
  }),
  "no-cache": bool("Do every step again"),
  "no-cache-filter": list("strings", "A stage to do again"),
  output: list("stringArray", "Where the result goes, e.g. type=local,dest=FOLDER", "o"),
  platform: list("strings", "A platform to build for"),
  progress: text("string", "How to show what happens: auto, plain, tty, quiet or rawjson", undefined, {
    shownDefault: '"auto"',
    complete: ["auto", "none", "plain", "quiet", "rawjson", "tty"],
  }),
  provenance: text("string", "Short for --attest=type=provenance"),
  pull: bool("Look for newer base images"),
  push: bool("Push the image by all its names"),
  quiet: bool("Print only the image's ID", "q"),
  sbom: text("string", "Short for --attest=type=sbom"),
  secret: list("stringArray", "A file or variable that steps may read, id=NAME[,src=FILE|env=VARIABLE]"),
  "shm-size": text("bytes", "Size of /dev/shm", undefined, { check: checkBytes }),
  ssh: list("stringArray", "An agent or keys that steps may use, default|ID[=SOCKET|KEY[,KEY]]"),
  tag: list("stringArray", "A name for the image", "t"),
  target: text("string", "Stage to stop at"),
  ulimit: list("ulimit", "A limit of processes, NAME=SOFT[:HARD]", undefined, {
    shownDefault: "[]",
    check: parseUlimit,
  }),
  ...classicFlags,
} as const satisfies FlagTable;
export type BuildValues = FlagValues<typeof buildFlags>;

export const build = defineCommand({
  usage: "[OPTIONS] PATH | URL | -",
  about:
    "Builds an image from a Dockerfile and the files beside it. DOCKER_BUILDKIT=0 asks for the classic builder.",
  flags: buildFlags,
  operands: [1, 1],
  complete: ["file"],
  examples: [
    ["gantry build -t app .", "from this folder"],
    ["gantry build -t app:dev --target dev --build-arg V=2 .", "one stage, with a variable"],
    ["gantry build --secret id=token,src=token.txt -o out .", "with a secret, the files to a folder"],
    ["gantry build - <Dockerfile", "without a context"],
  ],
  async run(context, values, [place = ""], given) {
    if (isOff(context.env["DOCKER_BUILDKIT"])) {
      const { buildClassic } = await import("./build-classic.ts");
      return await buildClassic(context, values, place, given);
    }
    if (values.squash)
      context.err.write(
        "WARNING: experimental flag squash is removed with BuildKit. You should squash inside build using a multi-stage Dockerfile for efficiency.\n",
      );
    try {
      return await run(context, values, place);
    } catch (error) {
      throw buildFailure(context, error, "failed to build: ");
    }
  },
});

async function run(context: Context, values: BuildValues, place: string): Promise<number> {
  const progress = values.quiet ? "quiet" : (values.progress ?? context.env["BUILDKIT_PROGRESS"]);
  const call = values.check ? "check" : (values.call ?? "build");
  const { code, imageId, metadata } = await buildOne(context, buildOptions(context, values, place), {
    ...(progress !== undefined && { progress }),
    call,
    builder: values.builder,
  });
  if (call !== "build") return code;
  if (values.quiet && imageId !== undefined) context.out.write(`${imageId}\n`);
  if (values.iidfile !== undefined) writeFileSync(values.iidfile, imageId ?? "");
  if (values["metadata-file"] !== undefined) writeFileSync(values["metadata-file"], metadata);
  return code;
}

/** @throws {Fault} `invalid` with buildx's texts */
function buildOptions(context: Context, values: BuildValues, place: string): BuildOptions {
  const defaultPlatform = context.env["DOCKER_DEFAULT_PLATFORM"] ?? "";
  const platforms =
    values.platform.length > 0 ? values.platform : [defaultPlatform].filter((one) => one !== "");
  return {
    context: place,
    dockerfile: values.file,
    target: values.target,
    args: argsOf(context, values["build-arg"]),
    contexts: contextsOf(values["build-context"]),
    labels: keyValues(values.label),
    tags: values.tag,
    platforms,
    noCache: values["no-cache"],
    noCacheFilter: values["no-cache-filter"],
    pull: values.pull,
    network: values.network,
    addHosts: values["add-host"],
    shmSize: values["shm-size"] === undefined ? undefined : parseBytes(values["shm-size"]),
    ulimits: values.ulimit.map(ulimitOf),
    cgroupParent: values["cgroup-parent"],
    secrets: values.secret,
    ssh: values.ssh,
    entitlements: values.allow,
    outputs: values.output,
    push: values.push,
    load: values.load,
    cacheFrom: values["cache-from"],
    cacheTo: values["cache-to"],
    annotations: values.annotation,
    attests: attestAttributes(values),
  };
}

/** A name alone has the value that it has here, if any. */
export function argsOf(context: Context, specs: readonly string[]): Readonly<Record<string, string>> {
  const args: Record<string, string> = {};
  for (const proxy of proxyVariables(context.config().content.proxies, context.env))
    Object.assign(args, keyValues([proxy]));
  for (const spec of specs) {
    const own = context.env[spec];
    if (spec.includes("=")) Object.assign(args, keyValues([spec]));
    else if (own !== undefined) args[spec] = own;
  }
  return args;
}

function contextsOf(specs: readonly string[]): Readonly<Record<string, string>> {
  const contexts: Record<string, string> = {};
  for (const spec of specs) {
    const equals = spec.indexOf("=");
    if (equals < 0) throw badOption(`invalid context value: ${spec}, expected key=value`);
    contexts[spec.slice(0, equals)] = spec.slice(equals + 1);
  }
  return contexts;
}

function ulimitOf(spec: string): string {
  const { Name, Soft, Hard } = parseUlimit(spec);
  return `${Name}=${Soft}:${Hard}`;
}

function isOff(text: string | undefined): boolean {
  return text !== undefined && /^(0|f|false)$/i.test(text);
}
