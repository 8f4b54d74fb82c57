import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace, Service, ServiceSpec } from "#api/kube/types/core.ts";
import type { Endpoint, EndpointSlice } from "#api/kube/types/discovery.ts";
import {
  type Message,
  rcode,
  typeA,
  typeAaaa,
  typeCname,
  typePtr,
  typeSrv,
  typeTxt,
} from "#host/dns/message.ts";
import { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { planAnswer } from "./answer.ts";
import { clusterNames } from "./cluster-names.ts";

function service(name: string, spec: ServiceSpec): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec };
}

function slice(name: string, endpoints: readonly Endpoint[]): EndpointSlice {
  const labels = { "kubernetes.io/service-name": name };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "shop", labels },
    addressType: "IPv4",
    endpoints,
    ports: [
      { name: "sql", port: 5432, protocol: "TCP" },
      { name: "", port: 99, protocol: "TCP" },
    ],
  };
}

const namespaces = new IndexedCache<Namespace>();
const services = new IndexedCache<Service>();
const slices = new IndexedCache<EndpointSlice>();
namespaces.set({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" }, spec: {} });
services.set(
  service("web", {
    clusterIP: "10.96.0.5",
    ports: [
      { name: "http", port: 80 },
      { port: 81, protocol: "UDP" },
    ],
  }),
);
services.set(service("db", { clusterIP: "None", ports: [{ name: "sql", port: 5432 }] }));
services.set(service("idle", { clusterIP: "None" }));
services.set(service("far", { type: "ExternalName", externalName: "www.example.com." }));
services.set(service("near", { type: "ExternalName", externalName: "web.shop.svc.cluster.local" }));
slices.set(
  slice("db", [
    { addresses: ["10.244.0.2"], hostname: "db-0", conditions: { ready: true } },
    { addresses: ["10.244.0.3"], conditions: {} },
    { addresses: ["10.244.0.4"], hostname: "db-2", conditions: { ready: false, serving: true } },
  ]),
);
const zone = {
  names: clusterNames({ namespaces, services, slices }),
  domain: "cluster.local",
  isOwn: (address: string) => address.startsWith("10."),
};

function ask(name: string, type = typeA) {
  const query: Message = {
    id: 7,
    isResponse: false,
    opcode: 0,
    isAuthoritative: false,
    isTruncated: false,
    wantsRecursion: true,
    hasRecursion: false,
    rcode: 0,
    questions: [{ name, type, class: 1 }],
    answers: [],
  };
  return planAnswer(zone, query, 0);
}

/** The records' data, or why there are none. */
function heard(name: string, type = typeA): readonly string[] | string {
  const answer = ask(name, type);
  if (answer.kind === "forward") return "forward";
  const { message } = answer;
  assert.equal(message.isAuthoritative, true);
  if (message.rcode !== rcode.ok || message.answers.length === 0)
    assert.equal(message.authorities?.[0]?.type, 6, "says how long that holds");
  if (message.rcode === rcode.noSuchName) return "no such name";
  return message.answers.map(({ data }) => data);
}

test("services with a cluster IP: addresses, ports, names of addresses; whatever the case", () => {
  assert.deepEqual(heard("web.shop.svc.cluster.local"), ["10.96.0.5"]);
  assert.deepEqual(heard("WEB.shop.Svc.cluster.LOCAL"), ["10.96.0.5"]);
  assert.deepEqual(heard("web.shop.svc.cluster.local", typeAaaa), [], "there, but not of that type");
  assert.deepEqual(heard("_http._tcp.web.shop.svc.cluster.local", typeSrv), [
    "0 50 80 web.shop.svc.cluster.local",
  ]);
  assert.deepEqual(heard("_tcp.web.shop.svc.cluster.local", typeSrv), []);
  assert.equal(heard("_http._udp.web.shop.svc.cluster.local", typeSrv), "no such name");
  assert.deepEqual(heard("5.0.96.10.in-addr.arpa", typePtr), ["web.shop.svc.cluster.local"]);
});

test("headless services: ready endpoints alone, by hostname too; without any there is no such name", () => {
  assert.deepEqual(heard("db.shop.svc.cluster.local"), ["10.244.0.2", "10.244.0.3"]);
  assert.deepEqual(heard("db-0.db.shop.svc.cluster.local"), ["10.244.0.2"]);
  assert.deepEqual(heard("10-244-0-3.db.shop.svc.cluster.local"), ["10.244.0.3"]);
  assert.equal(heard("db-2.db.shop.svc.cluster.local"), "no such name");
  assert.equal(heard("idle.shop.svc.cluster.local"), "no such name");
  assert.deepEqual(heard("_sql._tcp.db.shop.svc.cluster.local", typeSrv), [
    "0 25 5432 db-0.db.shop.svc.cluster.local",
    "0 25 5432 10-244-0-3.db.shop.svc.cluster.local",
  ]);
  assert.deepEqual(heard("2.0.244.10.in-addr.arpa", typePtr), ["db-0.db.shop.svc.cluster.local"]);
  assert.equal(heard("4.0.244.10.in-addr.arpa", typePtr), "no such name");
});

test("names elsewhere: the alias, and what it leads to in the cluster", () => {
  const far = ask("far.shop.svc.cluster.local");
  assert.equal(far.kind === "elsewhere" ? far.target : "", "www.example.com");
  assert.deepEqual(heard("far.shop.svc.cluster.local", typeCname), ["www.example.com"]);
  assert.deepEqual(heard("near.shop.svc.cluster.local"), ["web.shop.svc.cluster.local", "10.96.0.5"]);
});

test("pods' names, the schema's version, what is not there, and what is others' business", () => {
  assert.deepEqual(heard("10-244-0-9.shop.pod.cluster.local"), ["10.244.0.9"]);
  assert.equal(heard("10-244-0-999.shop.pod.cluster.local"), "no such name");
  assert.equal(heard("10-244-0-9.none.pod.cluster.local"), "no such name");
  assert.deepEqual(heard("dns-version.cluster.local", typeTxt), ['"1.1.0"']);
  for (const name of ["cluster.local", "svc.cluster.local", "shop.svc.cluster.local"])
    assert.deepEqual(heard(name), [], name);
  for (const name of [
    "none.shop.svc.cluster.local",
    "web.none.svc.cluster.local",
    "www.example.com.svc.cluster.local",
  ])
    assert.equal(heard(name), "no such name", name);
  for (const name of ["www.example.com", "notcluster.local", "local"])
    assert.equal(heard(name), "forward", name);
  assert.equal(heard("1.1.1.1.in-addr.arpa", typePtr), "forward");
  assert.equal(heard("9.9.244.10.in-addr.arpa", typePtr), "no such name");
});

test("aliases in a circle end", () => {
  services.set(service("ring", { type: "ExternalName", externalName: "ring.shop.svc.cluster.local" }));
  const answer = ask("ring.shop.svc.cluster.local");
  assert.equal(answer.kind, "reply");
});
