import type { Duplex } from "node:stream";
import { failure, isStatus } from "#api/kube/status.ts";
import type { APIService } from "#api/kube/types/apiregistration.ts";
import { messageOf } from "#base/fault.ts";
import { http1Transport } from "#client/http1.ts";
import { readText } from "#client/streams.ts";
import { duplexConnection } from "#rpc/duplex-connection.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { type ApiAnswer, type ApiRequest, textAnswer } from "../api-request.ts";
import type { ReadyEndpoint } from "../connect/ready-endpoints.ts";
import { dial, passOn } from "../connect/pass-on.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { ResourceTable } from "../registry/resource-table.ts";
import { updateObject } from "../registry/update.ts";
import { conditionsWith, endpointsOf, local, passed, type Verdict } from "./availability.ts";
import { type APIResourceList, remoteResources } from "./remote-resources.ts";

export interface AggregatorDeps {
  readonly registry: RegistryDeps;
  /** By which other API servers know that it is us who say who asks. PEM, asked for at each connection. */
  readonly credentials: () => { readonly certificate: string; readonly key: string };
}

const resource = "apiservices.apiregistration.k8s.io";
const self: User = { name: "system:apiserver", groups: ["system:masters"] };
const discoverMs = 6000;
/** An API server that stops answering is found out about so late; nobody looks while there is none. */
const lookEveryMs = 30_000;

/**
 * Parts of the API that other servers serve (APIService): looks whether they are there, says so in their status, and passes requests
 * on to them with the name of who asks.
 */
export class Aggregator implements AsyncDisposable {
  readonly #deps: AggregatorDeps;
  /** What available servers serve. */
  readonly served = new ResourceTable([]);
  readonly #available = new Set<string>();
  readonly #stop = new AbortController();
  readonly #undo = new DisposableStack();
  #running: Promise<void> = Promise.resolve();
  #isDirty = false;
  #isRunning = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: AggregatorDeps) {
    this.#deps = deps;
    const { cache } = deps.registry;
    const look = () => this.#look();
    this.#undo.use(cache.onChange(resource, look));
    for (const one of ["services", "endpointslices.discovery.k8s.io"])
      this.#undo.use(cache.onChange(one, () => this.#hasRemote() && look()));
    look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#undo.dispose();
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Who serves a version of a group in our place. */
  find(group: string, version: string): APIService | undefined {
    const { cache, resources } = this.#deps.registry;
    const found = cache.find<APIService>(resource, undefined, `${version}.${group}`);
    return found?.spec.service === undefined || resources.hasVersion(group, version) ? undefined : found;
  }

  /** @throws {StatusError} `ServiceUnavailable` */
  async pass(service: APIService, request: ApiRequest, user: User): Promise<ApiAnswer> {
    const found = endpointsOf(this.#deps.registry.cache, service);
    const isAvailable = this.#available.has(service.metadata.name ?? "");
    if (!("ready" in found) || !isAvailable) throw failure("ServiceUnavailable", "service unavailable");
    const place = this.#chosen(found.ready);
    let connection: Duplex | undefined;
    const answer = await passOn(request, {
      ...place,
      path: request.url,
      open: async () => (connection = await this.#open(service, place)),
      headers: remoteHeaders(user),
    });
    if (!isRedirect(answer)) return answer;
    connection?.destroy();
    return textAnswer(502, "the backend attempted to redirect this request, which is not permitted");
  }

  #chosen(ready: readonly ReadyEndpoint[]): ReadyEndpoint {
    const chosen = ready[Math.floor(this.#deps.registry.random() * ready.length)];
    if (chosen === undefined) throw failure("ServiceUnavailable", "service unavailable");
    return chosen;
  }

  async #open({ spec }: APIService, place: ReadyEndpoint) {
    const { certificate, key } = this.#deps.credentials();
    const trust =
      spec.insecureSkipTLSVerify === true
        ? { rejectUnauthorized: false }
        : spec.caBundle === undefined || spec.caBundle === ""
          ? {}
          : { ca: Buffer.from(spec.caBundle, "base64") };
    const servername = `${spec.service?.name}.${spec.service?.namespace}.svc`;
    return await dial(place, { cert: certificate, key, servername, ...trust });
  }

  #all(): readonly APIService[] {
    return [...this.#deps.registry.cache.list<APIService>(resource)];
  }

  #hasRemote(): boolean {
    return this.#all().some(({ spec }) => spec.service !== undefined);
  }

  #look(): void {
    this.#isDirty = true;
    if (this.#isRunning || this.#stop.signal.aborted) return;
    this.#isRunning = true;
    this.#running = this.#drain();
  }

  /** It is over in the same moment that it has looked for the last time: what comes later starts it again. */
  async #drain(): Promise<void> {
    while (this.#isDirty && !this.#stop.signal.aborted) {
      this.#isDirty = false;
      await this.#lookOnce();
    }
    this.#isRunning = false;
  }

  async #lookOnce(): Promise<void> {
    clearTimeout(this.#timer);
    const { log } = this.#deps.registry;
    const all = this.#all();
    const names = new Set(all.map(({ metadata }) => metadata.name));
    for (const name of this.#available) if (!names.has(name)) this.#forget(name);
    for (const service of all)
      try {
        await this.#check(service);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!isStatus(error, "Conflict") && !isStatus(error, "NotFound"))
          log.warn("the status of an APIService was not written", { reason: messageOf(error) });
      }
    if (this.#hasRemote() && !this.#stop.signal.aborted)
      this.#timer = setTimeout(() => this.#look(), lookEveryMs).unref();
  }

  async #check(service: APIService): Promise<void> {
    const { name = "" } = service.metadata;
    const { group = "", version = "" } = service.spec;
    const found =
      service.spec.service === undefined
        ? { verdict: local }
        : endpointsOf(this.#deps.registry.cache, service);
    let verdict: Verdict;
    if ("verdict" in found) {
      this.#forget(name);
      verdict = found.verdict;
    } else
      try {
        const list = await this.#discover(service, this.#chosen(found.ready));
        this.#serve(name, group, version, list);
        verdict = passed;
      } catch (error) {
        this.#forget(name);
        const url = `https://${service.spec.service?.name}.${service.spec.service?.namespace}.svc/apis/${group}/${version}`;
        const message = `failing or missing response from ${url}: ${messageOf(error)}`;
        verdict = { status: "False", reason: "FailedDiscoveryCheck", message };
      }
    const conditions = conditionsWith(service, verdict, this.#deps.registry.now());
    if (conditions !== undefined) await this.#writeStatus(name, conditions as unknown as readonly Draft[]);
  }

  #serve(name: string, group: string, version: string, list: APIResourceList): void {
    const before = this.#definitions(name);
    const add = remoteResources(group, version, list);
    this.#available.add(name);
    if (JSON.stringify(before) !== JSON.stringify(add)) this.served.change({ remove: before, add });
  }

  #forget(name: string): void {
    if (this.#available.delete(name)) this.served.change({ remove: this.#definitions(name) });
  }

  #definitions(name: string) {
    return [...this.served.all()].filter(({ group, version }) => `${version}.${group}` === name);
  }

  async #discover(service: APIService, place: ReadyEndpoint): Promise<APIResourceList> {
    const { group, version } = service.spec;
    const transport = http1Transport(async () => duplexConnection(await this.#open(service, place)), {
      headers: { Host: `${place.host}:${place.port}` },
    });
    const path = `/apis/${group}/${version}`;
    const headers = { Accept: "application/json", ...remoteHeaders(self) };
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(discoverMs)]);
    const answer = await transport.send({ method: "GET", path, headers }, signal);
    const text = await readText(answer.body);
    if (answer.status < 200 || answer.status > 299) throw new Error(`bad status: ${answer.status}`);
    return JSON.parse(text) as APIResourceList;
  }

  async #writeStatus(name: string, conditions: readonly Draft[]): Promise<void> {
    const { registry } = this.#deps;
    const definition = registry.resources.find("apiregistration.k8s.io", "v1", "apiservices");
    if (definition === undefined) return;
    const request = {
      definition,
      subresource: "status",
      user: self,
      isDryRun: false,
      manager: "gantry-server",
      warn() {},
      annotate() {},
    };
    const make = (old: Draft = {}) => ({ ...old, status: { ...(old["status"] as object), conditions } });
    await updateObject(
      registry,
      request,
      { name, make, mayCreate: false, isRepeatable: true },
      this.#stop.signal,
    );
  }
}

/** It would send clients, with what they are known by to us, wherever it likes. */
function isRedirect(answer: ApiAnswer): boolean {
  if (answer.kind === "upgrade") return false;
  const { status, headers } = answer;
  return status >= 300 && status <= 399 && (headers["location"] ?? "") !== "";
}

/** @see Kubernetes, authenticating proxy: what we show a certificate of the front proxy's authority for */
function remoteHeaders({ name, uid, groups, extra = {} }: User): Record<string, string | readonly string[]> {
  const extras = Object.entries(extra).map(([key, values]) => [
    `X-Remote-Extra-${encodeURIComponent(key)}`,
    values,
  ]);
  return {
    "X-Remote-User": name,
    "X-Remote-Group": groups,
    ...(uid !== undefined && uid !== "" && { "X-Remote-Uid": uid }),
    ...(Object.fromEntries(extras) as Record<string, readonly string[]>),
  };
}
