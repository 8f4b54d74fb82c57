import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeForUdp } from "#host/dns/reply.ts";
import { type Asker, planAnswer } from "./answer.ts";
import { decodeMessage, type Message, rcode, typeA, typeAaaa, typePtr } from "#host/dns/message.ts";
import { FrameReader, frame } from "#host/dns/tcp-frames.ts";
import { type ZoneEntry, Zones } from "./zones.ts";

const web = (address: string, extra: Partial<ZoneEntry> = {}): ZoneEntry => ({
  endpointId: address,
  networkId: "n1",
  networkName: "mynet",
  names: ["web", "www"],
  addresses: { four: address, six: "" },
  ...extra,
});

function zonesOf(...entries: readonly ZoneEntry[]): Zones {
  const zones = new Zones();
  for (const entry of entries) zones.put(entry);
  return zones;
}

function query(name: string, type: number = typeA, extra: Partial<Message> = {}): Message {
  return {
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
    ...extra,
  };
}

const asker: Asker = { networks: [{ id: "n1", name: "mynet" }], links: new Map(), isConfined: false };
const dataOf = (reply: Message | undefined) => reply?.answers.map(({ data }) => data);

test("planAnswer: finds names in any case, alone or with the network's name", () => {
  const zones = zonesOf(web("10.0.0.2"));
  for (const name of ["web", "WWW", "web.mynet", "Web.MyNet"])
    assert.deepEqual(dataOf(planAnswer(zones, asker, query(name), 0)), ["10.0.0.2"], name);
});

test("planAnswer: containers of one name take turns in coming first", () => {
  const zones = zonesOf(web("10.0.0.2"), web("10.0.0.3"));
  assert.deepEqual(dataOf(planAnswer(zones, asker, query("web"), 0)), ["10.0.0.2", "10.0.0.3"]);
  assert.deepEqual(dataOf(planAnswer(zones, asker, query("web"), 1)), ["10.0.0.3", "10.0.0.2"]);
});

test("planAnswer: a known name has no IPv6 address, which is not the same as no name", () => {
  const reply = planAnswer(zonesOf(web("10.0.0.2")), asker, query("web", typeAaaa), 0);
  assert.equal(reply?.rcode, rcode.ok);
  assert.deepEqual(reply?.answers, []);
});

test("planAnswer: reverse lookups give the first name with the network's", () => {
  const reply = planAnswer(zonesOf(web("10.0.0.2")), asker, query("2.0.0.10.in-addr.arpa", typePtr), 0);
  assert.deepEqual(dataOf(reply), ["web.mynet"]);
});

test("planAnswer: other networks' names are nobody's", () => {
  const zones = zonesOf(web("10.0.0.2", { networkId: "n2" }));
  assert.equal(planAnswer(zones, asker, query("web"), 0), undefined);
  assert.equal(
    planAnswer(zones, { ...asker, isConfined: true }, query("web"), 0)?.rcode,
    rcode.serverFailure,
  );
});

test("planAnswer: in several networks the first that knows the name answers", () => {
  const zones = zonesOf(web("10.0.0.2"), web("10.0.1.2", { networkId: "n2", names: ["web", "db"] }));
  const both = { ...asker, networks: [...asker.networks, { id: "n2", name: "other" }] };
  assert.deepEqual(dataOf(planAnswer(zones, both, query("web"), 0)), ["10.0.0.2"]);
  assert.deepEqual(dataOf(planAnswer(zones, both, query("db"), 0)), ["10.0.1.2"]);
});

test("planAnswer: a link is another name that one container alone has", () => {
  const links = new Map([["db", { networkId: "n1", target: "www" }]]);
  const zones = zonesOf(web("10.0.0.2"));
  assert.deepEqual(dataOf(planAnswer(zones, { ...asker, links }, query("DB"), 0)), ["10.0.0.2"]);
  assert.equal(planAnswer(zones, asker, query("db"), 0), undefined);
});

test("planAnswer: IPv6 addresses are found and named like the others", () => {
  const zones = zonesOf(web("10.0.0.2", { addresses: { four: "10.0.0.2", six: "fd00::2" } }));
  const reply = planAnswer(zones, asker, query("web", typeAaaa), 0);
  assert.deepEqual(dataOf(reply), ["fd00::2"]);
  assert.ok(reply !== undefined);
  const bytes = encodeForUdp(query("web", typeAaaa), reply);
  assert.equal(decodeMessage(bytes)?.answers[0]?.data, `fd00${"0".repeat(27)}2`);
  const name = `2.${"0.".repeat(27)}0.0.d.f.ip6.arpa`;
  assert.deepEqual(dataOf(planAnswer(zones, asker, query(name, typePtr), 0)), ["web.mynet"]);
});

test("planAnswer: what it does not understand is answered as such", () => {
  const zones = new Zones();
  assert.equal(planAnswer(zones, asker, query("x", typeA, { opcode: 4 }), 0)?.rcode, rcode.notImplemented);
  assert.equal(planAnswer(zones, asker, query("x", typeA, { questions: [] }), 0)?.rcode, rcode.formatError);
});

test("Zones: what was removed or renamed is gone, what others share stays", () => {
  const zones = zonesOf(web("10.0.0.2"), web("10.0.0.3"));
  zones.put(web("10.0.0.2", { names: ["api"] }));
  assert.deepEqual(zones.findAddresses("n1", "web"), [{ four: "10.0.0.3", six: "" }]);
  assert.deepEqual(zones.findAddresses("n1", "api"), [{ four: "10.0.0.2", six: "" }]);
  zones.remove("10.0.0.2");
  zones.remove("10.0.0.3");
  assert.equal(zones.findAddresses("n1", "web"), undefined);
  assert.equal(zones.findName("n1", "10.0.0.3"), undefined);
});

test("encodeForUdp: too much for the client is sent as truncated, EDNS is answered with EDNS", () => {
  const entries = Array.from({ length: 60 }, (_, i) => web(`10.0.0.${i + 2}`));
  const plain = query("web");
  const reply = planAnswer(zonesOf(...entries), asker, plain, 0);
  assert.ok(reply !== undefined);
  const cut = decodeMessage(encodeForUdp(plain, reply));
  assert.deepEqual([cut?.isTruncated, cut?.answers.length], [true, 0]);
  const modern = query("web", typeA, { edns: { udpSize: 4096 } });
  const whole = planAnswer(zonesOf(...entries), asker, modern, 0);
  const read = whole && decodeMessage(encodeForUdp(modern, whole));
  assert.deepEqual([read?.isTruncated, read?.answers.length, read?.edns?.udpSize], [false, 60, 1400]);
});

test("FrameReader: cuts a stream into its messages wherever it is broken", () => {
  const reader = new FrameReader();
  const stream = Buffer.concat([
    frame(Uint8Array.of(1, 2, 3)),
    frame(new Uint8Array()),
    frame(Uint8Array.of(4)),
  ]);
  const messages = [...stream].flatMap((byte) => [...reader.push(Uint8Array.of(byte))]);
  assert.deepEqual(
    messages.map((message) => [...message]),
    [[1, 2, 3], [], [4]],
  );
});
