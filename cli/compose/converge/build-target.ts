import { resolve } from "node:path";
import type { BakeTarget } from "../../build/bake/bake-target.ts";
import { isRemote } from "../load/paths.ts";
import type { Build, Project, Service } from "../model.ts";
import type { ServiceBuilds } from "./build.ts";
import { imageOf } from "./create-body.ts";
import { label, peerVersion } from "./labels.ts";

/** A service's build as a target of bake, which is how compose has it built. */
export function bakeTargetOf(
  project: Project,
  name: string,
  service: Service,
  options: ServiceBuilds,
): BakeTarget {
  const { build = {} } = service;
  const context = build.context ?? ".";
  const image = imageOf(project, name, service);
  return defined({
    context,
    contexts: filled(contextsOf(build)),
    dockerfile: build.dockerfile_inline === undefined ? dockerfileOf(context, build.dockerfile) : undefined,
    "dockerfile-inline": build.dockerfile_inline,
    args: filled(argsOf(project, build, options)),
    labels: labelsOf(project, name, build),
    tags: [...(build.tags ?? []), image],
    "cache-from": listed(build.cache_from),
    "cache-to": listed(build.cache_to),
    target: build.target,
    secret: listed(secretsOf(project, build)),
    ssh: listed(sshOf(build, options)),
    platforms: listed(platformsOf(project, service, build)),
    pull: options.pull === true || build.pull === true || undefined,
    "no-cache": options.noCache === true || build.no_cache === true || undefined,
    network: build.network,
    "shm-size": build.shm_size,
    ulimits: listed(ulimitsOf(build)),
    entitlements: listed(entitlementsOf(build)),
    "extra-hosts": filled(hostsOf(build)),
    attest: listed(attestsOf(build, options)),
    output: [options.push === true && service.image !== undefined ? "type=registry" : "type=docker"],
  });
}

/** Without what is not there. */
function defined(target: { readonly [Name in keyof BakeTarget]: BakeTarget[Name] | undefined }): BakeTarget {
  return Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined));
}

function listed<T>(values: readonly T[] | undefined): readonly T[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values;
}

function filled<T>(values: Readonly<Record<string, T>>): Readonly<Record<string, T>> | undefined {
  return Object.keys(values).length === 0 ? undefined : values;
}

function dockerfileOf(context: string, dockerfile = "Dockerfile"): string {
  return isRemote(context) ? dockerfile : resolve(context, dockerfile);
}

function contextsOf({ additional_contexts: contexts = new Map() }: Build): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...contexts].map(([name, value]) => [name, value.replace(/^service:/, "target:")]),
  );
}

function argsOf(
  project: Project,
  { args = new Map() }: Build,
  { args: more = [] }: ServiceBuilds,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, value] of args) if (value !== null) found[name] = value;
  for (const item of more) {
    const equals = item.indexOf("=");
    const own = project.environment[item];
    if (equals >= 0) found[item.slice(0, equals)] = item.slice(equals + 1);
    else if (own !== undefined) found[item] = own;
  }
  return found;
}

function labelsOf(project: Project, name: string, { labels = new Map() }: Build) {
  return {
    ...Object.fromEntries(labels),
    [label.project]: project.name,
    [label.service]: name,
    [label.version]: peerVersion,
  };
}

function secretsOf(project: Project, { secrets = [] }: Build): readonly string[] {
  return secrets.flatMap(({ source, target = source }) => {
    const secret = project.secrets.get(source);
    if (secret?.environment !== undefined) return [`id=${target},type=env,env=${secret.environment}`];
    return secret?.file === undefined ? [] : [`id=${target},type=file,src=${secret.file}`];
  });
}

function sshOf({ ssh = [] }: Build, { ssh: more }: ServiceBuilds): readonly string[] {
  return [...ssh, ...(more === undefined || more === "" ? [] : [more])];
}

/** One that the service asks for, or else all that its build names. */
function platformsOf(project: Project, { platform }: Service, { platforms = [] }: Build): readonly string[] {
  const usual = project.environment["DOCKER_DEFAULT_PLATFORM"];
  if (platform !== undefined) return [platform];
  return platforms.length > 0 || usual === undefined || usual === "" ? platforms : [usual];
}

function ulimitsOf({ ulimits = new Map() }: Build): readonly string[] {
  return [...ulimits].map(([name, limit]) =>
    typeof limit === "number" ? `${name}=${limit}` : `${name}=${limit.soft}:${limit.hard}`,
  );
}

function entitlementsOf({ entitlements = [], privileged }: Build): readonly string[] {
  return [...entitlements, ...(privileged === true ? ["security.insecure"] : [])];
}

function hostsOf({ extra_hosts: hosts = [] }: Build): Readonly<Record<string, string>> {
  return Object.fromEntries(
    hosts.map((host) => {
      const [, name = host, address = ""] = /^([^:=]+)[:=](.*)$/.exec(host) ?? [];
      return [name, address];
    }),
  );
}

function attestsOf(build: Build, options: ServiceBuilds): readonly string[] {
  const short = (type: string, value: string | undefined) => {
    if (value === undefined || value === "") return [];
    if (/^(true|1)$/i.test(value)) return [`type=${type}`];
    return /^(false|0)$/i.test(value) ? [`type=${type},disabled=true`] : [`type=${type},${value}`];
  };
  return [
    ...short("provenance", options.provenance ?? build.provenance),
    ...short("sbom", options.sbom ?? build.sbom),
  ];
}
