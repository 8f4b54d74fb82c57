import { messageOf } from "#base/fault.ts";
import { formatReference, parseReference, type Reference, withDefaultTag } from "#oci/reference.ts";
import type { Entries } from "../command-tree.ts";
import { type Context, defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, list, text } from "../flags.ts";
import { annotated, type ImageManifest, manifestList } from "../manifest/image-manifest.ts";
import { ManifestStore } from "../manifest/manifest-store.ts";

const insecure = bool("Talk to registries without a certificate, or without TLS");

const create = defineCommand({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  about: "Makes a list of manifests here, to be annotated and pushed.",
  flags: { amend: bool("Add to a list that is there", "a"), insecure },
  operands: [2, Infinity],
  needsNode: true,
  examples: [
    ["gantry manifest create r.io/app:1 r.io/app:1-amd64 r.io/app:1-arm64", "one name for two platforms"],
  ],
  async run(context, values, [name = "", ...others]) {
    const target = parsed(name, `error parsing name for manifest list ${name}`);
    const store = storeOf(context);
    const known = store.find(formatReference(target));
    if (known !== undefined && !values.amend)
      throw new Exit(1, "refusing to amend an existing manifest list with no --amend flag");
    using remote = await openRemote(context, values.insecure);
    for (const other of others) {
      const one = parsed(other, `error parsing name for manifest ${other}`);
      store.save(formatReference(target), known?.find(isOf(one)) ?? (await manifestIn(remote, one)));
    }
    context.out.write(`Created manifest list ${formatReference(target)}\n`);
    return 0;
  },
});

const annotate = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  about: "Says more of a manifest in a list here.",
  flags: {
    arch: text("string", "Architecture"),
    os: text("string", "Operating system"),
    "os-features": list("strings", "Features of the operating system"),
    "os-version": text("string", "Version of the operating system"),
    variant: text("string", "Variant of the architecture"),
  },
  operands: [2, 2],
  examples: [["gantry manifest annotate --variant v8 r.io/app:1 r.io/app:1-arm64", "a variant"]],
  async run(context, values, [name = "", other = ""]) {
    const target = formatReference(parsed(name, `annotate: error parsing name for manifest list ${name}`));
    const one = parsed(other, `annotate: error parsing name for manifest ${other}`);
    const store = storeOf(context);
    const manifest = store.find(target)?.find(isOf(one));
    if (manifest === undefined)
      throw new Exit(1, `manifest for image ${formatReference(one)} does not exist in ${target}`);
    const { arch = "", os = "", variant = "" } = values;
    const more = {
      os,
      arch,
      variant,
      osVersion: values["os-version"] ?? "",
      osFeatures: values["os-features"],
    };
    try {
      store.save(target, annotated(manifest, more));
    } catch (error) {
      throw new Exit(1, messageOf(error));
    }
    return 0;
  },
});

const inspect = defineCommand({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  about: "Shows a manifest or a list of them, of here or of its registry.",
  flags: { insecure, verbose: bool("With layers and platforms", "v") },
  operands: [1, 2],
  needsNode: true,
  examples: [["gantry manifest inspect r.io/app:1", "what a name means"]],
  async run(context, values, [first = "", second]) {
    const store = storeOf(context);
    if (second !== undefined) {
      const target = formatReference(parsed(first, `error parsing name for manifest list ${first}`));
      const one = parsed(second, `error parsing name for manifest ${second}`);
      const manifest = store.find(target)?.find(isOf(one));
      if (manifest === undefined) throw new Exit(1, `No such manifest: ${formatReference(one)}`);
      return showOne(context, manifest, values.verbose);
    }
    const name = parsed(first, `error parsing name for manifest ${first}`);
    const own = store.find(formatReference(name));
    if (own !== undefined) return showList(context, own, values.verbose);
    using remote = await openRemote(context, values.insecure);
    const found = await remote.find(name);
    const [only] = found?.manifests ?? [];
    if (found === undefined) throw new Exit(1, `no such manifest: ${formatReference(name)}`);
    if (found.isList || only === undefined) return showList(context, found.manifests, values.verbose);
    return showOne(context, only, values.verbose);
  },
});

const push = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST",
  about: "Sends a list of manifests to the registry of its name.",
  flags: { insecure, purge: bool("Forget the list here when it is there", "p") },
  operands: [1, 1],
  needsNode: true,
  examples: [["gantry manifest push r.io/app:1", "a list that was created here"]],
  async run(context, values, [name = ""]) {
    const target = parsed(name, `error parsing name for manifest list ${name}`);
    const store = storeOf(context);
    const manifests = store.find(formatReference(target)) ?? [];
    if (manifests.length === 0) throw new Exit(1, `No such manifest: ${formatReference(target)}`);
    using remote = await openRemote(context, values.insecure);
    for (const manifest of manifests) await sendOne(context, remote, manifest, target);
    const { mediaType, text: whole } = manifestList(manifests);
    const digest = await remote.put(target, mediaType, whole);
    if (values.purge) store.remove(formatReference(target));
    context.out.write(`${digest}\n`);
    return 0;
  },
});

const rm = defineCommand({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  about: "Forgets lists of manifests here.",
  flags: {},
  operands: [1, Infinity],
  examples: [["gantry manifest rm r.io/app:1", "a list that is not wanted any more"]],
  async run(context, _values, names) {
    const store = storeOf(context);
    const failures: string[] = [];
    for (const name of names) {
      const target = formatReference(parsed(name, `error parsing name for manifest list ${name}`));
      if (store.find(target) === undefined) failures.push(`No such manifest: ${target}`);
      else store.remove(target);
    }
    if (failures.length > 0) throw new Exit(1, failures.join("\n"));
    return 0;
  },
});

/** Docker's commands for lists of manifests. */
export function entries(): Entries {
  const entry = (
    summary: string,
    command: Awaited<ReturnType<Extract<Entries[string], { kind: "command" }>["load"]>>,
  ) => ({ kind: "command", summary, load: async () => command }) as const;
  return {
    annotate: entry("Say more of a manifest in a list", annotate),
    create: entry("Make a list of manifests", create),
    inspect: entry("Show a manifest or a list of them", inspect),
    push: entry("Send a list of manifests to its registry", push),
    rm: entry("Forget lists of manifests", rm),
  };
}

type Remote = import("../manifest/remote-manifests.ts").RemoteManifests;

async function openRemote(context: Context, isInsecure: boolean): Promise<Remote> {
  const { RemoteManifests } = await import("../manifest/remote-manifests.ts");
  return new RemoteManifests(context, isInsecure);
}

function storeOf(context: Context): ManifestStore {
  return new ManifestStore(context.config().folder);
}

function parsed(name: string, what: string): Reference {
  try {
    return withDefaultTag(parseReference(name));
  } catch (error) {
    throw new Exit(1, `${what}: ${messageOf(error)}`);
  }
}

function isOf(reference: Reference): (manifest: ImageManifest) => boolean {
  const name = formatReference(reference);
  return ({ Ref }) => Ref === name;
}

async function manifestIn(remote: Remote, reference: Reference): Promise<ImageManifest> {
  const found = await remote.find(reference);
  const [only] = found?.manifests ?? [];
  if (found === undefined || only === undefined)
    throw new Exit(1, `no such manifest: ${formatReference(reference)}`);
  if (found.isList) throw new Exit(1, `${formatReference(reference)} is a manifest list`);
  return only;
}

async function sendOne(
  context: Context,
  remote: Remote,
  manifest: ImageManifest,
  target: Reference,
): Promise<void> {
  const { Ref, Descriptor } = manifest;
  const { os = "", architecture = "" } = Descriptor.platform ?? {};
  if (os === "" || architecture === "")
    throw new Exit(1, `manifest ${Ref} must have an OS and Architecture to be pushed to a registry`);
  const from = parseReference(Ref);
  if (from.domain !== target.domain)
    throw new Exit(
      1,
      `cannot use source images from a different registry than the target image: ${from.domain} != ${target.domain}`,
    );
  if (from.path === target.path) return;
  await remote.copy(manifest, from, target);
  const place = `${target.domain}/${target.path}@${Descriptor.digest}`;
  context.out.write(`Pushed ref ${place} with digest: ${Descriptor.digest}\n`);
}

function showOne({ out }: Context, manifest: ImageManifest, isVerbose: boolean): number {
  const shown = isVerbose ? manifest : (manifest.SchemaV2Manifest ?? manifest.OCIManifest);
  out.write(`${JSON.stringify(shown, undefined, "\t")}\n`);
  return 0;
}

function showList({ out }: Context, manifests: readonly ImageManifest[], isVerbose: boolean): number {
  const [only] = manifests;
  const verbose = manifests.length === 1 ? only : manifests;
  out.write(`${isVerbose ? JSON.stringify(verbose, undefined, "\t") : manifestList(manifests).text}\n`);
  return 0;
}
