import { isIP } from "node:net";
import type { ProxySettings } from "#base/registry-settings.ts";
import { bareHost, isIn, isLoopback, rangesOf } from "./addresses.ts";

/**
 * The proxy that a server is to be reached by, as Go's clients decide it: by the scheme of the URL, and never for this machine
 * itself or what `none` names: `*`, addresses, CIDRs, domains with or without those below them, each but a CIDR with a port or without.
 *
 * @see golang.org/x/net/http/httpproxy, Config
 */
export function proxyFor(url: URL, { http, https, none }: ProxySettings): URL | undefined {
  const given = url.protocol === "https:" ? https : http;
  const proxy = URL.parse(/^[a-z0-9]+:\/\//i.test(given) ? given : `http://${given}`);
  if (given === "" || proxy === null) return undefined;
  const host = bareHost(url.hostname).toLowerCase();
  if (host === "localhost" || isLoopback(host)) return undefined;
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const rules = none.split(",").map((rule) => rule.trim().toLowerCase());
  return rules.some((rule) => matches(rule, host, port)) ? undefined : proxy;
}

function matches(rule: string, host: string, port: string): boolean {
  if (rule === "") return false;
  if (rule === "*") return true;
  if (rule.includes("/")) return isCidr(rule) && isIn(rangesOf([rule]), host);
  const [, bracketed, plain, rulePort = port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(rule) ?? [];
  const name = bracketed ?? plain ?? rule; // an address of IPv6 without brackets
  if (rulePort !== port) return false;
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host;
  const domain = name.replace(/^\*(?=\.)/, "");
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function isCidr(rule: string): boolean {
  const [address = "", bits = "", ...rest] = rule.split("/");
  const family = isIP(address);
  return (
    family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  );
}

/** A proxy's URL without who asks, as `docker info` shows it. */
export function maskedProxy(given: string): string {
  return given.replace(/^((?:[a-z0-9]+:\/\/)?)[^/@]*@/i, "$1xxxxx:xxxxx@");
}
