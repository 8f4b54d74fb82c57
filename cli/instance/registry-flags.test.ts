import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { usualRegistries } from "#base/registry-settings.ts";
import { planRegistries, registryWords } from "./registry-flags.ts";

const nothing = {
  "insecure-registry": [],
  "registry-mirror": [],
  "registry-certs": undefined,
  "max-concurrent-downloads": undefined,
  "max-concurrent-uploads": undefined,
  "http-proxy": undefined,
  "https-proxy": undefined,
  "no-proxy": undefined,
};

test("planRegistries: without flags it is as with Docker", () => {
  assert.deepEqual(planRegistries(nothing, {}), usualRegistries);
});

test("planRegistries: takes what is sound and refuses the rest", () => {
  const insecure = ["h", "h.example:5000", "10.0.0.0/8", "[fd00::1]:5000", "fd00::/8", "1.2.3.4:80"];
  assert.deepEqual(planRegistries({ ...nothing, "insecure-registry": insecure }, {}).insecure, insecure);
  for (const rule of ["", "http://h", "h/x", "10.0.0.0/33", "h:port", "a b", "::/129"])
    assert.throws(
      () => planRegistries({ ...nothing, "insecure-registry": [rule] }, {}),
      (error) => isFault(error, "invalid"),
      rule,
    );
  const mirrors = planRegistries(
    {
      ...nothing,
      "registry-mirror": ["https://m.example", "http://m:5000/"],
    },
    {},
  ).mirrors;
  assert.deepEqual(mirrors, ["https://m.example/", "http://m:5000/"]);
  for (const url of ["m.example", "ftp://m", "https://m/path", "https://u:p@m", "https://m/?q"])
    assert.throws(
      () => planRegistries({ ...nothing, "registry-mirror": [url] }, {}),
      (error) => isFault(error, "invalid"),
      url,
    );
  assert.throws(
    () => planRegistries({ ...nothing, "max-concurrent-uploads": 0 }, {}),
    /invalid max concurrent uploads: 0/,
  );
  assert.throws(() => planRegistries({ ...nothing, "registry-certs": "certs" }, {}), /absolute/);
});

test("planRegistries: proxies are those of the flags, or else of the environment", () => {
  const env = { HTTP_PROXY: "http://a", http_proxy: "http://b", https_proxy: "http://c", NO_PROXY: "" };
  const values = { ...nothing, "no-proxy": "h" };
  assert.deepEqual(planRegistries(values, env).proxies, { http: "http://a", https: "http://c", none: "h" });
  assert.equal(planRegistries({ ...nothing, "http-proxy": "" }, env).proxies.http, "");
});

test("registryWords: say the same again", () => {
  const values = {
    ...nothing,
    "insecure-registry": ["h:1"],
    "registry-mirror": ["https://m"],
    "max-concurrent-uploads": 9,
  };
  assert.deepEqual(registryWords(values), [
    "--insecure-registry=h:1",
    "--registry-mirror=https://m",
    "--max-concurrent-uploads=9",
  ]);
});
