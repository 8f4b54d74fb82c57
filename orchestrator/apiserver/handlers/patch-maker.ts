import { failure } from "#api/kube/status.ts";
import { decodeParsed, parseJson } from "#orchestrator/machinery/body.ts";
import { DecodeError } from "#orchestrator/machinery/decode-error.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";
import { expectedKind, type FieldValidation, fieldValidationOf, settleStrictness } from "../body.ts";
import { invalid, statusErrorOf } from "../errors.ts";
import { type PatchKind, patched } from "../patch.ts";
import { isTrue } from "../request-info.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import type { Change } from "../registry/update.ts";
import type { ResourceScope } from "./resource-scope.ts";

interface Patch {
  readonly kind: PatchKind;
  readonly bytes: Uint8Array;
  readonly manager: string;
}

/** What makes of an object what a patch says. @throws {StatusError} `BadRequest` for what is no patch */
export async function patchMaker(
  deps: RegistryDeps,
  scope: ResourceScope,
  patch: Patch,
): Promise<Change["make"]> {
  return patch.kind === "apply" ? await applyMaker(deps, scope, patch) : mergeMaker(scope, patch);
}

function mergeMaker(scope: ResourceScope, { kind, bytes }: Patch): Change["make"] {
  const { definition, request, warn } = scope;
  const expected = expectedKind(definition);
  const validation = fieldValidationOf(request.query, "Patch");
  const { value, duplicates } = readPatch(bytes, kind);
  return async (old) => {
    const base = old ?? {};
    const next =
      kind === "strategic"
        ? await strategic(definition.type, base, value as Draft)
        : patched(kind as "json", base, value);
    const body = decodeParsed({ value: next, duplicates: [] }, bytes, expected);
    const strictErrors = [...duplicates, ...body.strictErrors];
    try {
      settleStrictness({ ...body, strictErrors }, expected, definition, validation, warn);
    } catch (error) {
      throw strictPatch(error, bytes);
    }
    definition.strategy.default?.(body.object);
    return body.object;
  };
}

async function strategic(type: string, base: Draft, patch: Draft): Promise<Draft> {
  const { applyStrategicMergePatch } = await import("#orchestrator/machinery/strategic-merge.ts");
  return applyStrategicMergePatch(base, patch, schemaOf(type));
}

function strictPatch(error: unknown, bytes: Uint8Array): unknown {
  const status = statusErrorOf(error);
  const at = status.message.indexOf("strict decoding error");
  if (at === -1) return error;
  const detail = status.message.slice(at);
  return invalid("", "", "", [
    {
      reason: "FieldValueInvalid",
      field: "patch",
      message: `Invalid value: ${JSON.stringify(Buffer.from(bytes).toString())}: ${detail}`,
    },
  ]);
}

function readPatch(
  bytes: Uint8Array,
  kind: PatchKind,
): { readonly value: unknown; readonly duplicates: readonly string[] } {
  let parsed: ReturnType<typeof parseJson>;
  try {
    parsed = parseJson(Buffer.from(bytes).toString());
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw failure("BadRequest", `error decoding patch: ${error.message}`);
  }
  const { value } = parsed;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const isRight =
    kind === "json"
      ? Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null)
      : isObject;
  if (!isRight)
    throw failure(
      "BadRequest",
      `error decoding patch: ${kind === "json" ? "it is no list of operations" : "it is no object"}`,
    );
  return parsed;
}

async function applyMaker(
  deps: RegistryDeps,
  scope: ResourceScope,
  { bytes, manager }: Patch,
): Promise<Change["make"]> {
  const { definition, request, info, warn } = scope;
  const expected = expectedKind(definition);
  const validation = fieldValidationOf(request.query, "Patch");
  const { text, duplicates } = await readApplied(bytes);
  const force = isTrue(request.query.get("force"));
  return (old) => {
    const write = { definition, subresource: info.subresource ?? "", manager, force, now: deps.now() };
    const applied = deps.owners.apply(write, old, JSON.parse(text) as Draft);
    settleDuplicates(duplicates, validation, warn);
    const { object } = decodeParsed(
      { value: JSON.parse(JSON.stringify(applied)), duplicates: [] },
      bytes,
      expected,
    );
    definition.strategy.prune?.(object);
    definition.strategy.default?.(object);
    return object;
  };
}

/** @throws {StatusError} `BadRequest` */
async function readApplied(
  bytes: Uint8Array,
): Promise<{ readonly text: string; readonly duplicates: readonly string[] }> {
  const { parseYaml } = await import("#orchestrator/machinery/yaml-body.ts");
  try {
    const { value, duplicates } = parseYaml(Buffer.from(bytes).toString());
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return { text: JSON.stringify(value), duplicates };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw failure("BadRequest", `error decoding patch: ${error.message}`);
  }
  throw failure("BadRequest", "error decoding patch: it is no object");
}

function settleDuplicates(
  duplicates: readonly string[],
  validation: FieldValidation,
  warn: (text: string) => void,
): void {
  if (validation === "Strict" && duplicates.length > 0)
    throw failure("BadRequest", `error strict decoding patch: ${duplicates.join(", ")}`);
  if (validation === "Warn") for (const text of duplicates) warn(text);
}
