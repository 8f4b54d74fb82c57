import assert from "node:assert/strict";
import { test } from "node:test";
import { findReverseAddress } from "./reverse-name.ts";

test("findReverseAddress: addresses of both families, whatever the case; nothing for what is none", () => {
  assert.equal(findReverseAddress("2.0.18.172.in-addr.arpa"), "172.18.0.2");
  assert.equal(findReverseAddress("2.0.18.172.IN-ADDR.ARPA"), "172.18.0.2");
  assert.equal(findReverseAddress(`1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`), "2001:db8::1");
  for (const name of ["256.0.18.172.in-addr.arpa", "0.18.172.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "web"])
    assert.equal(findReverseAddress(name), undefined, name);
});
