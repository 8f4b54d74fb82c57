import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { decodeMessage } from "#orchestrator/machinery/protobuf-decode.ts";
import { encodeMessage } from "#orchestrator/machinery/protobuf-encode.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { ObjectGenerator, readGenerated } from "../../test/support/generated-objects.ts";
import { resources } from "./resources.ts";
import { schemaOf } from "./schemas.ts";

const rounds = 100;
const now = new Date("2026-01-01T00:00:00Z");

function runAll(definition: ResourceDefinition, generator: ObjectGenerator): void {
  const { type, strategy } = definition;
  const schema = schemaOf(type);
  const [one, other] = [0, 1].map(() => readGenerated(definition, generator.object(schema, 0)));
  if (one === undefined) return;
  const bytes = encodeMessage(schema, one);
  assert.equal(encodeMessage(schema, decodeMessage(schema, bytes)).length > 0, bytes.length > 0);
  for (const column of strategy.columns ?? []) column.cell(one, now);
  for (const valueOf of Object.values(strategy.selectableFields ?? {}))
    assert.equal(typeof valueOf(one), "string");
  strategy.gracePeriodS?.(one, undefined);
  strategy.prepareForCreate?.(one);
  strategy.validate?.(one);
  strategy.warnings?.(one);
  if (other === undefined) return;
  strategy.prepareForUpdate?.(other, one);
  strategy.validateUpdate?.(other, one);
  for (const column of strategy.columns ?? []) column.cell(other, now);
}

test("strategies: no object that a client can send makes any of them fail", () => {
  const refused: string[] = [];
  for (let seed = 1; seed <= rounds; seed++) {
    for (const [at, definition] of resources.entries()) {
      try {
        runAll(definition, new ObjectGenerator(seed * 1000 + at));
      } catch (error) {
        const message = isFault(error) ? error.message : String(error instanceof Error ? error.stack : error);
        refused.push(`${definition.resource} (seed ${seed}): ${message}`);
      }
    }
  }
  assert.deepEqual(refused.slice(0, 3), []);
});
