import { forbidden, required } from "#orchestrator/machinery/field-error.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { ApiAnswer } from "../api-request.ts";
import { bodyMostBytes, expectedKind, fieldValidationOf, readBody, settleStrictness } from "../body.ts";
import { invalid } from "../errors.ts";
import { patchKindOf } from "../patch.ts";
import { createObject } from "../registry/create.ts";
import type { RegistryDeps } from "../registry/registry.ts";
import { type Change, updateObject } from "../registry/update.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import { patchMaker } from "./patch-maker.ts";
import { objectAnswer, type ResourceScope, writeRequestOf } from "./resource-scope.ts";
import { ruleFor } from "./subresource-rules.ts";

export async function answerCreate(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const request = writeRequestOf(scope);
  const object = await readObject(scope, "Create");
  const made = await createObject(deps, request, object, scope.request.signal);
  return await objectAnswer(deps, scope, 201, made);
}

/** PUT of an object, or of what a subresource lets change of it. */
export async function answerUpdate(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { definition, info } = scope;
  const request = writeRequestOf(scope);
  const text = JSON.stringify(await readObject(scope, "Update"));
  return await write(deps, scope, request, {
    name: info.name ?? "",
    make: () => JSON.parse(text) as Draft,
    mayCreate: info.subresource === undefined && definition.strategy.canCreateOnUpdate === true,
    isRepeatable: true,
    ...ruleFor(deps, scope),
  });
}

export async function answerPatch(deps: RegistryDeps, scope: ResourceScope): Promise<ApiAnswer> {
  const { info, request } = scope;
  const request0 = writeRequestOf(scope);
  const isCustom = expectedKind(scope.definition).schema === undefined;
  const kind = patchKindOf(request.headers["content-type"], isCustom);
  checkPatchOptions(request.query, kind === "apply");
  const bytes = await request.read(bodyMostBytes);
  const make = await patchMaker(deps, scope, { kind, bytes, manager: request0.manager });
  return await write(deps, scope, request0, {
    name: info.name ?? "",
    make,
    ownsFields: kind === "apply",
    mayCreate: kind === "apply" && info.subresource === undefined,
    isRepeatable: true,
    ...ruleFor(deps, scope),
  });
}

async function write(
  deps: RegistryDeps,
  scope: ResourceScope,
  request: WriteRequest,
  change: Change,
): Promise<ApiAnswer> {
  const written = await updateObject(deps, request, change, scope.request.signal);
  return await objectAnswer(deps, scope, written.isNew ? 201 : 200, written);
}

/** The object that the request carries: checked, and with its defaults. */
async function readObject(scope: ResourceScope, operation: string): Promise<Draft> {
  const { request, definition, warn } = scope;
  const validation = fieldValidationOf(request.query, operation);
  const expected = expectedKind(definition);
  const object = settleStrictness(await readBody(request, expected), expected, definition, validation, warn);
  definition.strategy.default?.(object);
  return object;
}

function checkPatchOptions(query: URLSearchParams, isApply: boolean): void {
  if (isApply && (query.get("fieldManager") ?? "") === "")
    throw invalid("PatchOptions", "meta.k8s.io", "", [
      required("fieldManager", "is required for apply patch"),
    ]);
  if (!isApply && query.get("force") !== null)
    throw invalid("PatchOptions", "meta.k8s.io", "", [
      forbidden("force", "may not be specified for non-apply patch"),
    ]);
}
