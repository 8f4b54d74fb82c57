import type { BaseImage } from "#engine/build/built.ts";
import { hexOf } from "#oci/digest.ts";
import { formatPlatform } from "#oci/platform.ts";
import { familiarName, parseReference, type Reference, withDefaultTag } from "#oci/reference.ts";
import type { ProvenanceRequest } from "./attest-attributes.ts";
import type { BuildAccount, GivenName } from "./solved.ts";

export const provenanceTypes = {
  "v0.2": "https://slsa.dev/provenance/v0.2",
  v1: "https://slsa.dev/provenance/v1",
} as const;

const buildType = "https://mobyproject.org/buildkit@v1";
const buildTypeV1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";

/**
 * How a build came to be, as a SLSA predicate in the form that BuildKit writes, without definitions of operations.
 *
 * @param finishedAt nanoseconds since 1970
 * @see slsa.dev/spec/v0.2/provenance, slsa.dev/spec/v1.0/provenance
 */
export function provenanceOf(
  account: BuildAccount,
  bases: readonly BaseImage[],
  request: ProvenanceRequest,
  finishedAt: bigint,
): object {
  const parts = partsOf(account, bases, request, finishedAt);
  return request.version === "v1" ? predicateV1(parts, request) : predicate(parts, request);
}

interface Parts {
  readonly account: BuildAccount;
  readonly materials: readonly object[];
  readonly request: object;
  /** Nothing of what the client said is left out. */
  readonly isComplete: boolean;
  readonly notes: object;
  readonly finishedAt: bigint;
}

function partsOf(
  account: BuildAccount,
  bases: readonly BaseImage[],
  { isWhole }: ProvenanceRequest,
  finishedAt: bigint,
): Parts {
  const { secrets, agents } = account;
  const all = argumentsOf(account.attributes);
  const args = isWhole ? all : all.filter(([name]) => !/^(build-arg|label):/.test(name));
  const given = isWhole && { ...listed("secrets", secrets), ...listed("ssh", agents) };
  const isRemote = (account.attributes.get("context") ?? "") !== "";
  return {
    account,
    materials: materialsOf(bases, account.namesOf),
    request: {
      frontend: "dockerfile.v0",
      ...(args.length > 0 && { args: Object.fromEntries(args) }),
      ...given,
      ...(!isRemote && { locals: [{ name: "context" }, { name: "dockerfile" }] }),
    },
    isComplete: isWhole || (args.length === all.length && secrets.length + agents.length === 0),
    notes: notesOf(account, isWhole),
    finishedAt,
  };
}

function predicate(
  { account, materials, request, isComplete, notes, finishedAt }: Parts,
  { builderId, isReproducible }: ProvenanceRequest,
): object {
  const uri = account.attributes.get("context") ?? "";
  return {
    builder: { id: builderId },
    buildType,
    ...(materials.length > 0 && { materials }),
    invocation: {
      configSource: { ...(uri !== "" && { uri }), entryPoint: account.filename },
      parameters: request,
      environment: { platform: account.platform },
    },
    metadata: {
      buildInvocationID: account.ref,
      buildStartedOn: timeText(account.startedAt),
      buildFinishedOn: timeText(finishedAt),
      completeness: { parameters: isComplete, environment: true, materials: false },
      reproducible: isReproducible,
      [`${buildType}#metadata`]: notes,
    },
  };
}

function predicateV1(
  { account, materials, request, isComplete, notes, finishedAt }: Parts,
  { builderId, isReproducible }: ProvenanceRequest,
): object {
  const uri = account.attributes.get("context") ?? "";
  return {
    buildDefinition: {
      buildType: buildTypeV1,
      externalParameters: {
        configSource: { ...(uri !== "" && { uri }), path: account.filename },
        request,
      },
      internalParameters: { builderPlatform: account.platform },
      ...(materials.length > 0 && { resolvedDependencies: materials }),
    },
    runDetails: {
      builder: { id: builderId },
      metadata: {
        invocationId: account.ref,
        startedOn: timeText(account.startedAt),
        finishedOn: timeText(finishedAt),
        buildkit_metadata: notes,
        buildkit_completeness: { request: isComplete, resolvedDependencies: false },
        ...(isReproducible && { buildkit_reproducible: true }),
      },
    },
  };
}

/** Where the source came from, and the source itself. */
function notesOf({ attributes, filename, dockerfile }: BuildAccount, isWhole: boolean): object {
  const vcs = [...attributes]
    .filter(([name]) => name.startsWith("vcs:"))
    .map(([name, value]) => [name.slice("vcs:".length), value] as const);
  const data = Buffer.from(dockerfile).toString("base64");
  return {
    ...(vcs.length > 0 && { vcs: Object.fromEntries(vcs) }),
    ...(isWhole && { source: { infos: [{ filename, language: "Dockerfile", data }] } }),
  };
}

const told = new Set([
  "platform",
  "filename",
  "image-resolve-mode",
  "cache-imports",
  "contextkey",
  "dockerfilekey",
  "context",
  "cgroup-parent",
  "multi-platform",
]);

function argumentsOf(attributes: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...attributes]
    .filter(([name]) => !told.has(name) && !/^(attest|vcs|local-sessionid|input-metadata):/.test(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function listed(kind: string, names: readonly GivenName[]): object {
  if (names.length === 0) return {};
  return { [kind]: names.map(({ id, isOptional }) => ({ id, ...(isOptional && { optional: true }) })) };
}

function materialsOf(bases: readonly BaseImage[], namesOf: ReadonlyMap<string, string>): readonly object[] {
  const found = new Map<string, object>();
  for (const { name, platform, digest } of bases) {
    if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) continue;
    const uri = packageUrl(parseReference(namesOf.get(name) ?? name), formatPlatform(platform));
    found.set(uri, { uri, digest: { sha256: hexOf(digest) } });
  }
  return [...found.values()];
}

/** @see github.com/package-url/purl-spec, type docker */
export function packageUrl(reference: Reference, platform: string): string {
  const { digest } = reference;
  const { tag } = digest === undefined ? withDefaultTag(reference) : reference;
  const pinned = digest === undefined ? "" : `digest=${digest}&`;
  const version = tag === undefined ? "" : `@${tag}`;
  return `pkg:docker/${familiarName(reference)}${version}?${pinned}platform=${encodeURIComponent(platform)}`;
}

/** RFC 3339 with nanoseconds. */
function timeText(time: bigint): string {
  const seconds = new Date(Number(time / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(time % 1_000_000_000n).padStart(9, "0")}Z`;
}
