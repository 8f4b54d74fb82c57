import { isAbsolute } from "node:path";
import { Fault } from "#base/fault.ts";
import { type RegistrySettings, usualRegistries } from "#base/registry-settings.ts";
import type { Context } from "../context.ts";
import { type FlagValues, list, number, text } from "../flags.ts";

/** How the engine deals with registries, with dockerd's flags and one more. */
export const registryFlags = {
  "insecure-registry": list(
    "HOST",
    "HOST, HOST:PORT or CIDR of registries without a certificate that can be checked",
  ),
  "registry-mirror": list("URL", "A mirror of Docker Hub, asked before it"),
  "registry-certs": text(
    "FOLDER",
    `Where HOST:PORT/*.crt and *.cert with *.key are (default ${usualRegistries.certificates})`,
  ),
  "max-concurrent-downloads": number(
    "N",
    `Layers that are pulled at once (default ${usualRegistries.downloads})`,
  ),
  "max-concurrent-uploads": number(
    "N",
    `Layers that are pushed at once (default ${usualRegistries.uploads})`,
  ),
  "http-proxy": text("URL", "Proxy for registries that are reached by http:// (default HTTP_PROXY)"),
  "https-proxy": text("URL", "Proxy for registries that are reached by https:// (default HTTPS_PROXY)"),
  "no-proxy": text("LIST", "Hosts, domains and CIDRs that are reached without a proxy (default NO_PROXY)"),
};

type Values = FlagValues<typeof registryFlags>;

const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;
const cidrPattern =
  /^(?:(?:\d{1,3}\.){3}\d{1,3}\/(?:\d|[12]\d|3[0-2])|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\/(?:\d{1,2}|1[01]\d|12[0-8]))$/;

/** @throws {Fault} `invalid` with Docker's texts */
export function planRegistries(values: Values, env: Environment): RegistrySettings {
  const certificates = values["registry-certs"] ?? usualRegistries.certificates;
  if (!isAbsolute(certificates))
    throw new Fault("invalid", `--registry-certs is ${certificates}: it must be an absolute path`);
  return {
    insecure: values["insecure-registry"].map(parseInsecure),
    mirrors: values["registry-mirror"].map(parseMirror),
    certificates,
    downloads: countOf(values, "max-concurrent-downloads", usualRegistries.downloads),
    uploads: countOf(values, "max-concurrent-uploads", usualRegistries.uploads),
    proxies: {
      http: values["http-proxy"] ?? variable(env, "HTTP_PROXY"),
      https: values["https-proxy"] ?? variable(env, "HTTPS_PROXY"),
      none: values["no-proxy"] ?? variable(env, "NO_PROXY"),
    },
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** In capitals, or else in small letters, as everybody reads these. */
function variable(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || "";
}

/** The context of an engine with these settings. */
export function withRegistries(context: Context, values: Values): Context {
  return { ...context, instance: { ...context.instance, registries: planRegistries(values, context.env) } };
}

/** The flags again, as words for another start of the program. */
export function registryWords(values: Values): readonly string[] {
  const counts = ["max-concurrent-downloads", "max-concurrent-uploads"] as const;
  const words = (["registry-certs", ...counts, "http-proxy", "https-proxy", "no-proxy"] as const).flatMap(
    (name) => (values[name] === undefined ? [] : [`--${name}=${values[name]}`]),
  );
  return [
    ...values["insecure-registry"].map((host) => `--insecure-registry=${host}`),
    ...values["registry-mirror"].map((url) => `--registry-mirror=${url}`),
    ...words,
  ];
}

function parseInsecure(rule: string): string {
  if (/^https?:\/\//.test(rule))
    throw new Fault(
      "invalid",
      `insecure registry ${rule} should not contain '${rule.slice(0, rule.indexOf("/") + 2)}'`,
    );
  if (!hostPattern.test(rule) && !cidrPattern.test(rule))
    throw new Fault("invalid", `insecure registry ${rule} is not valid: invalid host "${rule}"`);
  return rule;
}

function parseMirror(given: string): string {
  const url = URL.parse(given);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new Fault(
      "invalid",
      `invalid mirror: ${JSON.stringify(given)} is not a valid URL: it must begin with http:// or https://`,
    );
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    throw new Fault(
      "invalid",
      `invalid mirror: path, query, or fragment at end of the URI ${JSON.stringify(given)}`,
    );
  if (url.username !== "" || url.password !== "")
    throw new Fault(
      "invalid",
      `invalid mirror: username/password not allowed in URI ${JSON.stringify(given)}`,
    );
  return url.href;
}

function countOf(
  values: Values,
  name: "max-concurrent-downloads" | "max-concurrent-uploads",
  usual: number,
): number {
  const count = values[name] ?? usual;
  if (count < 1)
    throw new Fault("invalid", `invalid max concurrent ${name.slice("max-concurrent-".length)}: ${count}`);
  return count;
}
