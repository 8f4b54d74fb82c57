import assert from "node:assert/strict";
import { test } from "node:test";
import { planForwardChange, planNetworkChange, planRuleset } from "./ruleset.ts";

const network = {
  bridge: "br-1",
  subnet: "172.18.0.0/16",
  subnet6: "",
  isInternal: false,
  isConnected: true,
  isMasqueraded: true,
  isMasqueraded6: true,
  isOpen: false,
  isOpen6: false,
};
const forwards = {
  address: "172.18.0.2",
  address6: "",
  ports: {
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "8080" },
    ],
    "53/udp": [{ HostIp: "127.0.0.1", HostPort: "5353" }],
    "81/tcp": null,
  },
};

test("planForwardChange: one element a port; IPv6 and unpublished ports have none", () => {
  assert.equal(
    planForwardChange("add", "gantry", forwards),
    "add element ip gantry published_at { 127.0.0.1 . udp . 5353 : 172.18.0.2 . 53 }; " +
      "add element ip gantry published { tcp . 8080 : 172.18.0.2 . 80 }",
  );
  assert.equal(
    planForwardChange("delete", "gantry", { address: "1.2.3.4", address6: "", ports: { "81/tcp": null } }),
    "",
  );
});

test("planNetworkChange: an internal network is never masqueraded", () => {
  const commands = planNetworkChange("add", "gantry", { ...network, isInternal: true });
  assert.match(commands, /internal \{ "br-1" \}/);
  assert.doesNotMatch(commands, /masqueraded/);
});

test("planNetworkChange: without connections between containers the pair is only known, not connected", () => {
  const commands = planNetworkChange("delete", "gantry", { ...network, isConnected: false });
  assert.match(commands, /delete element ip gantry within \{ "br-1" \. "br-1" \}/);
  assert.doesNotMatch(commands, /connected/);
});

test("planRuleset: replaces the table and holds every element", () => {
  const text = planRuleset("gantry", [network], [forwards]);
  assert.match(text, /^table ip gantry \{ \}\ndelete table ip gantry\ntable ip gantry \{/);
  assert.match(text, /elements = \{ tcp \. 8080 : 172\.18\.0\.2 \. 80 \}/);
  assert.match(text, /elements = \{ 127\.0\.0\.1 \. udp \. 5353 : 172\.18\.0\.2 \. 53 \}/);
});

test("planRuleset: without networks there are no empty lists, which nft refuses", () => {
  assert.doesNotMatch(planRuleset("gantry", [], []), /elements/);
});

test("planRuleset: a table of IPv6 is there with a network that has it, and leads to the containers' own addresses", () => {
  const text = planRuleset(
    "gantry",
    [{ ...network, subnet6: "fd00::/64" }],
    [{ ...forwards, address6: "fd00::2" }],
  );
  assert.match(text, /table ip6 gantry \{\n/);
  assert.match(text, /elements = \{ tcp \. 8080 : fd00::2 \. 80 \}/);
  assert.doesNotMatch(planRuleset("gantry", [network], [forwards]), /ip6/);
});

test("planForwardChange: what the host may reach by ::1 has another address on the way", () => {
  const ports = { "80/tcp": [{ HostIp: "::1", HostPort: "80" }] };
  assert.equal(
    planForwardChange("add", "gantry", { ...forwards, address6: "fd00::2", ports }),
    "add element ip6 gantry looped { tcp . 80 }; add element ip6 gantry published_at { 100::1:feff . tcp . 80 : fd00::2 . 80 }",
  );
});

test("planForwardChange: what is routed is let through at the container's own address", () => {
  const ports = { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "" }] };
  assert.equal(
    planForwardChange("add", "gantry", { ...forwards, ports }),
    "add element ip gantry routed { 172.18.0.2 . tcp . 80 }",
  );
});

test("planRuleset: where connections within a network pass the host, only one to itself is masqueraded", () => {
  const style = { directSubnets: ["10.244.0.0/16", "fd00::/48"], routesWithin: true };
  const text = planRuleset("gantry", [network], [forwards], style);
  assert.match(
    text,
    /set selves \{ type ipv4_addr \. ipv4_addr; elements = \{ 172\.18\.0\.2 \. 172\.18\.0\.2 \}/,
  );
  assert.match(text, /ip saddr \. ip daddr @selves masquerade/);
  assert.doesNotMatch(text, /ct status dnat ip saddr/);
  assert.match(text, /ip daddr \{ 10\.244\.0\.0\/16 \} return\n +iifname @masqueraded masquerade/);
  assert.match(
    planForwardChange("delete", "gantry", forwards, style),
    /^delete element ip gantry selves \{ 172\.18\.0\.2 \. 172\.18\.0\.2 \}; delete element ip gantry published_at/,
  );
});
