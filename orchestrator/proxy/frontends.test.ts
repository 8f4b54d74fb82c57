import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service, ServiceSpec } from "#api/kube/types/core.ts";
import type { Endpoint, EndpointSlice } from "#api/kube/types/discovery.ts";
import { frontendsOf } from "./frontends.ts";
import { staleFlows } from "./stale-flows.ts";

function service(spec: ServiceSpec): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default" },
    spec: { clusterIP: "10.96.0.5", ports: [{ port: 80 }], ...spec },
  };
}

function slice(...endpoints: readonly Endpoint[]): EndpointSlice {
  const ports = [{ name: "", port: 8080, protocol: "TCP" as const }];
  const metadata = { name: "web-1", namespace: "default" };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    addressType: "IPv4",
    endpoints,
    ports,
  };
}

const at = (address: string, conditions: Endpoint["conditions"] = {}, nodeName = "here"): Endpoint => ({
  addresses: [address],
  conditions,
  nodeName,
});

test("headless services, names elsewhere and addresses of IPv6 alone have no rules", () => {
  for (const spec of [
    { clusterIP: "None" },
    { type: "ExternalName" as const, clusterIP: "" },
    { clusterIP: "fd00::1", clusterIPs: ["fd00::1"] },
  ])
    assert.deepEqual(frontendsOf(service(spec), [], "here"), []);
});

test("ready endpoints; those that end and still serve while no other is ready, here and everywhere apart", () => {
  const going = { ready: false, serving: true, terminating: true };
  const [one] = frontendsOf(
    service({}),
    [
      slice(at("10.244.0.2", going), at("10.244.1.2", { ready: true }, "there")),
      slice(at("10.244.0.3", { ready: false })),
    ],
    "here",
  );
  assert.deepEqual(one?.everywhere, [{ address: "10.244.1.2", port: 8080 }]);
  assert.deepEqual(one?.here, [{ address: "10.244.0.2", port: 8080 }]);
});

test("an endpoint that is in two slices is one, and ready if one of them says so", () => {
  const going = { ready: false, serving: true, terminating: true };
  const [one] = frontendsOf(
    service({}),
    [slice(at("10.244.0.2", { ready: true })), slice(at("10.244.0.2", going))],
    "x",
  );
  assert.deepEqual(one?.everywhere, [{ address: "10.244.0.2", port: 8080 }]);
});

test("ports of slices go to the service's port of the same name and protocol", () => {
  const two = service({
    ports: [
      { name: "t", port: 53, protocol: "TCP" },
      { name: "u", port: 53, protocol: "UDP" },
    ],
  });
  const ports = [
    { name: "u", port: 5353, protocol: "UDP" as const },
    { name: "t", port: 5354, protocol: "TCP" as const },
  ];
  const found = frontendsOf(two, [{ ...slice(at("10.244.0.2")), ports }], "here");
  assert.deepEqual(
    found.map(({ protocol, everywhere }) => [protocol, everywhere[0]?.port]),
    [
      ["tcp", 5354],
      ["udp", 5353],
    ],
  );
});

test("node ports are for the types that have them; load balancers that are proxies are left to themselves", () => {
  const spec = { type: "LoadBalancer" as const, ports: [{ port: 80, nodePort: 30080 }] };
  const ingress = [{ ip: "203.0.113.1" }, { ip: "203.0.113.2", ipMode: "Proxy" }, { hostname: "lb.example" }];
  const [one] = frontendsOf({ ...service(spec), status: { loadBalancer: { ingress } } }, [], "here");
  assert.deepEqual(one?.externals, ["203.0.113.1"]);
  assert.equal(one?.nodePort, 30080);
  assert.equal(frontendsOf(service({ ports: [{ port: 80, nodePort: 30080 }] }), [], "here")[0]?.nodePort, 0);
});

test("staleFlows: to targets that are gone, and to services that had none", () => {
  const udp = service({ type: "NodePort", ports: [{ port: 53, nodePort: 30053, protocol: "UDP" }] });
  const of = (...addresses: readonly string[]) =>
    frontendsOf(
      udp,
      [
        {
          ...slice(...addresses.map((address) => at(address))),
          ports: [{ name: "", port: 5353, protocol: "UDP" }],
        },
      ],
      "here",
    );
  assert.deepEqual(staleFlows(of("10.244.0.2", "10.244.0.3"), of("10.244.0.3")), [
    { address: "10.96.0.5", port: 53, answering: "10.244.0.2" },
    { address: "", port: 30053, answering: "10.244.0.2" },
  ]);
  assert.deepEqual(staleFlows([], of("10.244.0.3")), [
    { address: "10.96.0.5", port: 53, answering: "10.96.0.5" },
  ]);
  assert.deepEqual(staleFlows(of("10.244.0.2"), of("10.244.0.2", "10.244.0.3")), []);
});
