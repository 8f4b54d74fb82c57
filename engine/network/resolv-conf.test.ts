import assert from "node:assert/strict";
import { test } from "node:test";
import { bridgeResolvConf, embeddedResolvConf, hostResolvConf, parseResolvConf } from "./resolv-conf.ts";

const none = { dns: [], search: [], options: [] };
const text =
  "# made by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.53 ; office\nsearch a.test b.test\noptions edns0\n";
const host = parseResolvConf(text);

test("parseResolvConf: takes servers, search and options, skips comments and nonsense", () => {
  assert.deepEqual(host, {
    servers: ["127.0.0.53", "10.0.0.53"],
    search: ["a.test", "b.test"],
    options: ["edns0"],
  });
  assert.deepEqual(parseResolvConf("nameserver x\nnameserver\n\nfoo"), {
    servers: [],
    search: [],
    options: [],
  });
});

test("bridgeResolvConf: leaves the host's loopback servers out", () => {
  assert.equal(bridgeResolvConf(host, none), "nameserver 10.0.0.53\nsearch a.test b.test\noptions edns0\n");
});

test("bridgeResolvConf: falls back to public servers when nothing is left", () => {
  const lonely = parseResolvConf("nameserver 127.0.0.53\n");
  assert.equal(bridgeResolvConf(lonely, none), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
});

test("bridgeResolvConf: what was asked for takes the host's place", () => {
  const given = { dns: ["1.1.1.1"], search: ["."], options: ["timeout:1"] };
  assert.equal(bridgeResolvConf(host, given), "nameserver 1.1.1.1\noptions timeout:1\n");
});

test("embeddedResolvConf: asks the embedded server, without dots", () => {
  assert.equal(
    embeddedResolvConf(host, { ...none, dns: ["1.1.1.1"] }),
    "nameserver 127.0.0.11\nsearch a.test b.test\noptions edns0 ndots:0\n",
  );
});

test("embeddedResolvConf: ndots that was asked for stays", () => {
  assert.match(embeddedResolvConf(host, { ...none, options: ["ndots:2"] }), /options ndots:2\n/);
});

test("hostResolvConf: is the host's to the letter", () => {
  assert.equal(hostResolvConf(text, none), text);
  assert.match(hostResolvConf(text, { ...none, dns: ["1.1.1.1"] }), /^nameserver 1\.1\.1\.1\nsearch/);
});
