import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { type BodyShape, decodeBody } from "./decode.ts";

const disk: BodyShape = { type: "VirDomainBlockDevice" };
const create: BodyShape = {
  members: {
    dom: { type: "VirDomain", isRequired: true },
    options: { type: "VirDomainCreateOptions", isRequired: true },
  },
};

const refused = (shape: BodyShape, value: unknown, text: RegExp) =>
  assert.throws(
    () => decodeBody(shape, value),
    (error) => isFault(error, "invalid") && text.test(error.message),
  );

test("decodeBody: takes floats without a fraction for integers, and read-only fields", () => {
  const body = { type: "VIRTIO_DISK", capacity: 1_700_000_000.0, mountPoints: [], readOnly: false };
  assert.deepEqual(decodeBody(disk, body), body);
});

test("decodeBody: refuses what is unknown, mistyped, missing or of no enum, and names it", () => {
  refused(disk, { type: "VIRTIO_DISK", capacity: 1, size: 2 }, /^Unknown property 'size'$/);
  refused(disk, { type: "VIRTIO_DISK", capacity: "1" }, /^Property 'capacity' must be of type integer$/);
  refused(disk, { type: "VIRTIO_DISK", capacity: 1.5 }, /integer/);
  refused(disk, { capacity: 1 }, /^Missing required property 'type'$/);
  refused(disk, { type: "FLOPPY", capacity: 1 }, /^Property 'type' must be one of IDE_DISK, /);
  refused(create, { dom: {} }, /^Missing required property 'options'$/);
  refused(create, { dom: { netDevs: [{ vlan: "x" }] }, options: {} }, /^Property 'dom.netDevs\[0\].vlan'/);
  refused(disk, null, /JSON object/);
  refused(disk, { type: "VIRTIO_DISK", capacity: 1, __proto__: undefined, constructor: 1 }, /'constructor'/);
});

test("decodeBody: a part needs none of the required fields; tolerated fields are dropped", () => {
  assert.deepEqual(decodeBody({ ...disk, isPartial: true }, {}), {});
  const template = { ...disk, isPartial: true, tolerated: ["chacheMode"] };
  assert.deepEqual(decodeBody(template, { chacheMode: "NONE", slot: 1 }), { slot: 1 });
});

test("decodeBody: any JSON is decoded or refused", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        decodeBody(create, value);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});
