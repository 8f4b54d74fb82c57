import { createHash } from "node:crypto";
import { message, many, sub, text, int } from "#base/protobuf.ts";
import { definition } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";

// A client hands a result on as the definition of the operations that made it. This engine's definitions say one thing only: which
// of its results it is.
// @see github.com/moby/buildkit, solver/pb/ops.proto, messages Op, Input, SourceOp

const input = message({ digest: text(1), index: int(2) });
const source = message({ identifier: text(1) });
const operation = message({ inputs: many(1, input), source: sub(3, source) });

const scheme = "gantry-result://";

export function inputOf(id: string): MessageOf<typeof definition> {
  const made = operation.encode({ source: { identifier: `${scheme}${id}` } });
  const digest = `sha256:${createHash("sha256").update(made).digest("hex")}`;
  const whole = operation.encode({ inputs: [{ digest, index: 0 }] });
  // Clients take a definition without metadata for none.
  return { def: [made, whole], metadata: new Map([[digest, {}]]) };
}

/** Undefined for what is no result of this engine. @throws {Fault} `invalid` for what is no definition */
export function inputIdOf(given: Partial<MessageOf<typeof definition>> | undefined): string | undefined {
  for (const bytes of (given?.def ?? []).slice(0, 16)) {
    const identifier = operation.decode(bytes).source?.identifier ?? "";
    if (identifier.startsWith(scheme)) return identifier.slice(scheme.length);
  }
  return undefined;
}
