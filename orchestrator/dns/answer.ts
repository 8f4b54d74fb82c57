import type { Service } from "#api/kube/types/core.ts";
import {
  classIn,
  type DnsRecord,
  type Message,
  type Question,
  rcode,
  typeA,
  typeAaaa,
  typeCname,
  typePtr,
  typeSoa,
  typeSrv,
  typeNs,
  typeTxt,
} from "#host/dns/message.ts";
import { replyTo, rotate } from "#host/dns/reply.ts";
import { findReverseAddress } from "#host/dns/reverse-name.ts";
import { type ClusterNames, clusterIpsOf, type NamedEndpoint } from "./cluster-names.ts";

export interface ClusterZone {
  readonly names: ClusterNames;
  /** E.g. `cluster.local`. */
  readonly domain: string;
  /** Whether an address is the cluster's, so that nobody else knows its name. */
  readonly isOwn: (address: string) => boolean;
}

/** What to say, or whom to ask. */
export type Answer =
  | { readonly kind: "reply"; readonly message: Message }
  /** Not the cluster's business. */
  | { readonly kind: "forward" }
  /** A name of the cluster that is another name for what is elsewhere: its records are to be added. */
  | { readonly kind: "elsewhere"; readonly message: Message; readonly target: string };

const seconds = 5;
/** How long clients believe that a name is not there: a pod that starts is found a second later. */
const negativeSeconds = 1;
const versionSeconds = 28_800;
const schemaVersion = "1.1.0";
const typeAny = 255;
/** An ExternalName may name another one. */
const mostAliases = 8;

/** What there is of a name: nothing; nothing of that type; records. */
type Found = readonly DnsRecord[] | undefined;

/**
 * What the cluster answers. `turn` counts answers: several addresses of one name take turns in coming first.
 *
 * @see Kubernetes DNS-Based Service Discovery 1.1.0
 */
export function planAnswer(zone: ClusterZone, query: Message, turn: number): Answer {
  const [question] = query.questions;
  if (query.opcode !== 0) return reply(replyTo(query, rcode.notImplemented));
  if (question === undefined || query.questions.length > 1) return reply(replyTo(query, rcode.formatError));
  const name = question.name.toLowerCase();
  if (question.class !== classIn && question.class !== typeAny) return { kind: "forward" };
  if (name === zone.domain || name.endsWith(`.${zone.domain}`))
    return answerInZone(zone, query, question, turn);
  const address = findReverseAddress(name);
  if (address === undefined) return { kind: "forward" };
  const found = namesAt(zone, address);
  if (found.length === 0 && !zone.isOwn(address)) return { kind: "forward" };
  const isAsked = question.type === typePtr || question.type === typeAny;
  const records = found.map((target) => record(question.name, typePtr, target));
  return reply(authoritative(zone, query, found.length === 0 ? undefined : isAsked ? records : []));
}

function reply(message: Message): Answer {
  return { kind: "reply", message };
}

function answerInZone(zone: ClusterZone, query: Message, question: Question, turn: number): Answer {
  const answers: DnsRecord[] = [];
  let { name } = question;
  for (let aliases = 0; aliases <= mostAliases; aliases++) {
    const target = aliasOf(zone, name);
    if (target === undefined || question.type === typeCname) break;
    answers.push(record(name, typeCname, target));
    name = target;
    if (!target.toLowerCase().endsWith(`.${zone.domain}`)) {
      const message = { ...replyTo(query, rcode.ok, answers), isAuthoritative: true };
      return { kind: "elsewhere", message, target };
    }
  }
  const found = find(zone, { ...question, name }, turn);
  const message = authoritative(zone, query, found === undefined ? undefined : [...answers, ...found]);
  return reply(found === undefined && answers.length > 0 ? { ...message, answers } : message);
}

/** Not found and nothing to say both come with the zone's start, which says how long that holds. @see RFC 2308 */
function authoritative({ domain }: ClusterZone, query: Message, found: Found): Message {
  const message = replyTo(query, found === undefined ? rcode.noSuchName : rcode.ok, found ?? []);
  const isEmpty = found === undefined || found.length === 0;
  const start = { ...startOf(domain), ttl: negativeSeconds };
  return { ...message, isAuthoritative: true, ...(isEmpty && { authorities: [start] }) };
}

function startOf(domain: string): DnsRecord {
  return record(
    domain,
    typeSoa,
    `ns.dns.${domain} hostmaster.${domain} 1 7200 1800 86400 ${negativeSeconds}`,
  );
}

function aliasOf({ names, domain }: ClusterZone, name: string): string | undefined {
  const [service, namespace, kind, ...rest] = labelsBefore(name, domain);
  if (kind !== "svc" || rest.length > 0 || service === undefined || namespace === undefined) return undefined;
  const { spec } = names.findService(namespace, service) ?? {};
  return spec?.type === "ExternalName" ? spec.externalName?.replace(/\.$/, "") : undefined;
}

function labelsBefore(name: string, domain: string): readonly string[] {
  const lower = name.toLowerCase();
  return lower === domain ? [] : lower.slice(0, -domain.length - 1).split(".");
}

function find(zone: ClusterZone, question: Question, turn: number): Found {
  const { names, domain } = zone;
  const labels = labelsBefore(question.name, domain);
  const [kind, namespace, ...rest] = labels.toReversed();
  if (kind === undefined)
    return ofType(question, [startOf(domain), record(domain, typeNs, `ns.dns.${domain}`)]);
  if (kind === "dns-version" && namespace === undefined)
    return ofType(question, [
      { ...record(question.name, typeTxt, `"${schemaVersion}"`), ttl: versionSeconds },
    ]);
  if (kind === "ns" || kind === "dns") return findServer(zone, question, labels);
  if (kind !== "svc" && kind !== "pod") return undefined;
  if (namespace === undefined) return [];
  if (!names.hasNamespace(namespace)) return undefined;
  if (rest.length === 0) return [];
  if (kind === "pod") return rest.length === 1 ? findPod(question, rest[0] ?? "") : undefined;
  const [service = "", ...before] = rest;
  const found = names.findService(namespace, service);
  return found === undefined ? undefined : findInService(zone, question, found, before, turn);
}

/** `ns.dns`, which the zone's start names as its server: it is the service of the cluster's DNS. */
function findServer({ names }: ClusterZone, question: Question, labels: readonly string[]): Found {
  if (labels.join(".") === "dns") return [];
  if (labels.join(".") !== "ns.dns") return undefined;
  const server = names.findService("kube-system", "kube-dns");
  return server === undefined ? [] : ofType(question, addressRecords(question.name, clusterIpsOf(server)));
}

/** Any address has such a name: whoever asks knows it already. */
function findPod(question: Question, label: string): Found {
  const match = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})$/.exec(label);
  if (match === null || match.slice(1).some((byte) => Number(byte) > 255)) return undefined;
  return ofType(question, addressRecords(question.name, [match.slice(1).map(Number).join(".")]));
}

/** `before` are the labels before the service's, from right to left: none, a hostname, or a protocol and a port. */
function findInService(
  zone: ClusterZone,
  question: Question,
  service: Service,
  before: readonly string[],
  turn: number,
): Found {
  const { name = "", namespace = "" } = service.metadata;
  const addresses = clusterIpsOf(service);
  const isHeadless = addresses.length === 0;
  const endpoints = zone.names.endpointsOf(namespace, name);
  const [first, second] = before;
  if (service.spec?.type === "ExternalName")
    return first === undefined
      ? ofType(question, [
          record(question.name, typeCname, service.spec.externalName?.replace(/\.$/, "") ?? ""),
        ])
      : undefined;
  if (first === undefined) {
    if (isHeadless && endpoints.length === 0) return undefined;
    const all = isHeadless ? endpoints.map(({ address }) => address) : addresses;
    return ofType(question, addressRecords(question.name, rotate([...new Set(all)], turn)));
  }
  if (first.startsWith("_")) {
    const ports = portRecords(zone, question.name, service, endpoints, first.slice(1));
    if (before.length === 1) return ports.length > 0 ? [] : undefined;
    const wanted = before.length === 2 ? ports.filter(({ port }) => `_${port.toLowerCase()}` === second) : [];
    return wanted.length === 0
      ? undefined
      : ofType(
          question,
          wanted.map((one) => one.record),
        );
  }
  const named = endpoints.filter(({ hostname }) => hostname.toLowerCase() === first);
  if (before.length > 1 || named.length === 0) return undefined;
  return ofType(
    question,
    addressRecords(
      question.name,
      rotate(
        named.map(({ address }) => address),
        turn,
      ),
    ),
  );
}

function portRecords(
  { domain }: ClusterZone,
  question: string,
  service: Service,
  endpoints: readonly NamedEndpoint[],
  protocol: string,
): readonly { readonly port: string; readonly record: DnsRecord }[] {
  const { name = "", namespace = "" } = service.metadata;
  const own = `${name}.${namespace}.svc.${domain}`;
  const isHeadless = clusterIpsOf(service).length === 0;
  const ports = isHeadless
    ? endpoints.flatMap(({ hostname, ports: all }) =>
        all.map((one) => ({ ...one, target: `${hostname}.${own}` })),
      )
    : (service.spec?.ports ?? []).map((one) => ({ name: "", protocol: "TCP", ...one, target: own }));
  const records = ports
    .filter((one) => one.name !== "" && one.protocol.toLowerCase() === protocol)
    .map(({ name: port, port: number, target }) => ({
      port,
      record: record(
        question,
        typeSrv,
        `0 ${Math.max(1, Math.floor(100 / ports.length))} ${number} ${target}`,
      ),
    }));
  return [...new Map(records.map((one) => [`${one.port} ${one.record.data}`, one])).values()];
}

function namesAt({ names, domain }: ClusterZone, address: string): readonly string[] {
  const service = names.serviceAt(address);
  if (service !== undefined) return [`${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`];
  const all = names
    .endpointsAt(address)
    .map((one) => `${one.hostname}.${one.service}.${one.namespace}.svc.${domain}`);
  return [...new Set(all)];
}

function addressRecords(name: string, addresses: readonly string[]): readonly DnsRecord[] {
  return addresses.map((address) => record(name, address.includes(":") ? typeAaaa : typeA, address));
}

function ofType({ type }: Question, records: readonly DnsRecord[]): readonly DnsRecord[] {
  return type === typeAny ? records : records.filter((one) => one.type === type);
}

function record(name: string, type: number, data: string): DnsRecord {
  return { name, type, class: classIn, ttl: seconds, data };
}
