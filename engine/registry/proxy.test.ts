import assert from "node:assert/strict";
import { test } from "node:test";
import { maskedProxy, proxyFor } from "./proxy.ts";

const proxies = { http: "http://plain:3128", https: "secure:3129", none: "" };

test("proxyFor: by the scheme, and never for this machine", () => {
  const of = (url: string) => proxyFor(new URL(url), proxies)?.href;
  assert.equal(of("http://a.b/"), "http://plain:3128/");
  assert.equal(of("https://a.b/"), "http://secure:3129/");
  for (const here of ["https://localhost:5000/", "https://127.0.0.9/", "http://[::1]:1/"])
    assert.equal(of(here), undefined);
  assert.equal(proxyFor(new URL("http://a.b/"), { ...proxies, http: "" }), undefined);
});

test("proxyFor: what needs none", () => {
  const isSpared = (none: string, url: string) => proxyFor(new URL(url), { ...proxies, none }) === undefined;
  for (const [none, url] of [
    ["*", "https://a.b/"],
    ["x, a.b ,y", "https://a.b/"],
    ["A.b", "https://c.a.B/"],
    [".a.b", "https://c.a.b/"],
    ["*.a.b", "https://c.a.b/"],
    ["a.b:5000", "https://a.b:5000/"],
    ["a.b:443", "https://a.b/"],
    ["10.0.0.0/8", "https://10.1.2.3:5000/"],
    ["10.1.2.3", "http://10.1.2.3/"],
    ["fd00::/8", "https://[fd00::1]/"],
    ["fd00::1", "https://[fd00::1]/"],
    ["[fd00::1]:5", "https://[fd00::1]:5/"],
  ] as const)
    assert.ok(isSpared(none, url), `${none} spares ${url}`);
  for (const [none, url] of [
    ["", "https://a.b/"],
    [".a.b", "https://a.b/"],
    ["b", "https://ab/"],
    ["a.b:5001", "https://a.b:5000/"],
    ["10.0.0.0/99", "https://10.1.2.3/"],
    ["10.0.0.0/8", "https://11.1.2.3/"],
    ["10.1.2.3", "https://10.1.2.33/"],
  ] as const)
    assert.ok(!isSpared(none, url), `${none} does not spare ${url}`);
});

test("maskedProxy: who asks is not shown", () => {
  assert.equal(maskedProxy("http://u:p@proxy:1"), "http://xxxxx:xxxxx@proxy:1");
  assert.equal(maskedProxy("u@proxy"), "xxxxx:xxxxx@proxy");
  assert.equal(maskedProxy("https://proxy/"), "https://proxy/");
});
