import type { KubeRequest } from "#client/kube/kube-requests.ts";
import { collectionPath, objectPath } from "#client/kube/kube-resource.ts";
import { goJson } from "#base/go-json.ts";
import { bool, list, text, type FlagTable, type FlagValues } from "../flags.ts";
import type { Discovery, ServedResource } from "./discovery.ts";
import { KubeFailure } from "./failure.ts";
import { type Manifest, readManifests } from "./manifests.ts";
import type { Kube } from "./session.ts";

/** What a command is about: all of a resource that are selected, or one object. */
export type Target = ListTarget | ObjectTarget;

export interface ListTarget {
  readonly is: "list";
  readonly resource: ServedResource;
  /** Absent: of the cluster, or of all namespaces. */
  readonly namespace?: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

export interface ObjectTarget {
  readonly is: "object";
  readonly resource: ServedResource;
  readonly namespace?: string;
  readonly name: string;
  /** The file that it is from. */
  readonly manifest?: Manifest;
}

/** Flags by which most commands choose. */
export const targetFlags = {
  filename: list("FILE", "Files, folders, addresses or - with the objects", "f", { complete: "file" }),
  recursive: bool("Take the folders' folders, too", "R"),
  selector: text("LABELS", "Only objects with these labels, e.g. a=b,c!=d", "l"),
} as const satisfies FlagTable;

export interface Choice extends FlagValues<typeof targetFlags> {
  readonly fieldSelector?: string | undefined;
  readonly isEverywhere?: boolean;
  /** Whether a type alone, without a selector, is all of its objects. */
  readonly takesAll: boolean;
}

/**
 * What operands and flags name: `TYPE [NAME...]`, `TYPE,TYPE`, `TYPE/NAME...`, or the objects of files.
 *
 * @throws {KubeFailure}
 */
export async function findTargets(
  kube: Kube,
  operands: readonly string[],
  choice: Choice,
  signal: AbortSignal,
): Promise<readonly Target[]> {
  if (choice.filename.length > 0) return await fileTargets(kube, operands, choice, signal);
  const words = normalize(operands);
  const named = words.filter((word) => word.includes("/"));
  if (named.length > 0 && named.length < words.length) throw new KubeFailure(`error: ${mixedForms}`);
  const hasSelector = choice.selector !== undefined || choice.fieldSelector !== undefined;
  if (named.length > 0) {
    if (hasSelector)
      throw failure("selectors and the all flag cannot be used when passing resource/name arguments");
    const pairs = words.map(splitName);
    const discovery = await kube.discovery();
    return pairs.map(([type, name]) => objectTarget(kube, discovery.get(type), name, choice));
  }
  const [types, ...names] = words;
  if (types === undefined) throw new KubeFailure(`error: ${nothingNamed}`);
  if (names.length > 0 && hasSelector) throw failure("name cannot be provided when a selector is specified");
  const resources = expand(types, await kube.discovery());
  const [first] = resources;
  if (names.length > 0 && first !== undefined)
    return names.map((name) => objectTarget(kube, first, name, choice));
  if (!choice.takesAll && !hasSelector) throw failure("resource(s) were provided, but no name was specified");
  return resources.map((resource) => listTarget(kube, resource, choice));
}

const mixedForms =
  "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'";
const nothingNamed = `You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`;

function failure(message: string): KubeFailure {
  return new KubeFailure(`error: ${message}`);
}

/** `a,b x` is `a/x b/x`. */
function normalize(operands: readonly string[]): readonly string[] {
  const [types = "", ...names] = operands;
  if (names.length === 0 || !types.includes(",") || types.includes("/")) return operands;
  return types.split(",").flatMap((type) => names.map((name) => `${type}/${name}`));
}

function splitName(word: string): readonly [type: string, name: string] {
  const [type = "", name = "", ...more] = word.split("/");
  if (more.length > 0) throw failure("arguments in resource/name form may not have more than one slash");
  if (type === "" || name === "" || type.includes(","))
    throw failure("arguments in resource/name form must have a single resource and name");
  return [type, name];
}

/** Each resource once, categories as what they hold. */
function expand(types: string, discovery: Discovery): readonly ServedResource[] {
  const words = types.split(",");
  const found = words.flatMap((word) => discovery.category(word) ?? [discovery.get(word)]);
  return [...new Set(found)];
}

/** @throws {KubeFailure} when a name is asked for in all namespaces */
function objectTarget(
  kube: Kube,
  resource: ServedResource,
  name: string,
  { isEverywhere }: Choice,
): ObjectTarget {
  if (!resource.isNamespaced) return { is: "object", resource, name };
  if (isEverywhere === true) throw failure("a resource cannot be retrieved by name across all namespaces");
  return { is: "object", resource, name, namespace: kube.namespace };
}

function listTarget(
  kube: Kube,
  resource: ServedResource,
  { selector, fieldSelector, isEverywhere }: Choice,
): ListTarget {
  const isWhole = !resource.isNamespaced || isEverywhere === true;
  return {
    is: "list",
    resource,
    ...(isWhole ? {} : { namespace: kube.namespace }),
    labelSelector: selector ?? "",
    fieldSelector: fieldSelector ?? "",
  };
}

async function fileTargets(
  kube: Kube,
  operands: readonly string[],
  { filename, recursive }: Choice,
  signal: AbortSignal,
): Promise<readonly ObjectTarget[]> {
  if (operands.length > 0)
    throw failure(
      "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
    );
  const refuse = (problem: KubeFailure) => {
    throw problem;
  };
  const manifests = await readManifests(filename, recursive, refuse, signal);
  if (manifests.length === 0) throw failure(`no objects found in ${filename.join(", ")}`);
  const discovery = await kube.discovery();
  return manifests.map((manifest) => manifestTarget(kube, discovery, manifest));
}

/** @throws {KubeFailure} for a kind that the server has not, and a namespace other than the one that was asked for */
export function manifestTarget(kube: Kube, discovery: Discovery, manifest: Manifest): ObjectTarget {
  const { object, source } = manifest;
  const { apiVersion = "", kind = "", metadata = {} } = object;
  const resource = resourceOf(discovery, apiVersion, kind, metadata.name ?? "", source);
  const name = metadata.name ?? "";
  if (!resource.isNamespaced) return { is: "object", resource, name, manifest };
  const { namespace = "" } = metadata;
  if (kube.isNamespaceGiven && namespace !== "" && namespace !== kube.namespace)
    throw failure(
      `the namespace from the provided object ${JSON.stringify(namespace)} does not match the namespace ${JSON.stringify(kube.namespace)}. You must pass '--namespace=${namespace}' to perform this operation.`,
    );
  return { is: "object", resource, name, namespace: namespace === "" ? kube.namespace : namespace, manifest };
}

function resourceOf(
  discovery: Discovery,
  apiVersion: string,
  kind: string,
  name: string,
  source: string,
): ServedResource {
  try {
    return discovery.ofKind(apiVersion, kind);
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error;
    throw failure(
      `resource mapping not found for name: ${goJson(name)} namespace: "" from ${goJson(source)}: ${error.message}`,
    );
  }
}

/** The request that reads what a target names. */
export function readRequest(target: Target): KubeRequest & { readonly path: string } {
  const { resource, namespace } = target;
  if (target.is === "object")
    return { method: "GET", path: objectPath(resource, { namespace, name: target.name }) };
  const { labelSelector, fieldSelector } = target;
  return {
    method: "GET",
    path: collectionPath(resource, namespace),
    query: { labelSelector, fieldSelector },
  };
}
