import assert from "node:assert/strict";
import { test } from "node:test";
import { forward } from "./forward.ts";
import { encodeMessage, type Message, typeA } from "./message.ts";
import type { NamespaceDoor } from "./namespace-door.ts";

const message: Message = {
  id: 7,
  isResponse: false,
  opcode: 0,
  isAuthoritative: false,
  isTruncated: false,
  wantsRecursion: true,
  hasRecursion: false,
  rcode: 0,
  questions: [{ name: "www.example.com", type: typeA, class: 1 }],
  answers: [],
};

for (const protocol of ["udp", "tcp"] as const)
  test(`forward: by ${protocol}, who cannot be asked gives no answer, and the next one is asked`, async () => {
    let asked = 0;
    const shut: NamespaceDoor = {
      within: () => {
        asked++;
        return Promise.reject(new Error("shut"));
      },
    };
    const servers = [1, 2].map((last) => ({ address: `192.0.2.${last}`, port: 53 }));
    const answer = await forward(shut, servers, { bytes: encodeMessage(message), message }, protocol);
    assert.equal(answer, undefined);
    assert.equal(asked, 2);
  });
