import { notSupported } from "#orchestrator/machinery/field-error.ts";
import {
  type DecodedBody,
  decodeJsonBody,
  decodeParsed,
  type ExpectedKind,
  strictFailure,
  unrecognized,
} from "#orchestrator/machinery/body.ts";
import { DecodeError } from "#orchestrator/machinery/decode-error.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { hasSchema, schemaOf } from "#orchestrator/kinds/schemas.ts";
import type { ApiRequest } from "./api-request.ts";
import { invalid } from "./errors.ts";
import { formatOfBody } from "./negotiation.ts";

/** More no request may carry. */
export const bodyMostBytes = 3 << 20;

export type FieldValidation = "Strict" | "Warn" | "Ignore";

export function expectedKind({ group, version, kind, type }: ResourceDefinition): ExpectedKind {
  return { group, version, kind, ...(hasSchema(type) && { schema: schemaOf(type) }) };
}

/** Of a kind that is no resource, e.g. what a subresource takes. */
export function expectedType(group: string, version: string, kind: string, type: string): ExpectedKind {
  return { group, version, kind, schema: schemaOf(type) };
}

/**
 * The object that a request carries, in whatever format it is, and what a strict client would be refused for.
 *
 * @throws {StatusError} `BadRequest`, `UnsupportedMediaType`, `RequestEntityTooLarge`
 */
export async function readBody(request: ApiRequest, expected: ExpectedKind): Promise<DecodedBody> {
  const formats =
    expected.schema === undefined ? (["json", "yaml"] as const) : (["json", "yaml", "protobuf"] as const);
  const format = formatOfBody(request.headers["content-type"], formats);
  const bytes = await request.read(bodyMostBytes);
  switch (format) {
    case "json":
      return decodeJsonBody(bytes, expected);
    case "yaml":
      return await decodeYaml(bytes, expected);
    case "protobuf": {
      const { decodeProtobufBody } = await import("#orchestrator/machinery/protobuf.ts");
      return decodeProtobufBody(bytes, expected);
    }
    default:
      return format satisfies never;
  }
}

export async function decodeYaml(bytes: Uint8Array, expected: ExpectedKind): Promise<DecodedBody> {
  const { parseYaml } = await import("#orchestrator/machinery/yaml-body.ts");
  try {
    return decodeParsed(parseYaml(Buffer.from(bytes).toString()), bytes, expected);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw unrecognized(bytes, expected, `couldn't get version/kind; ${error.message}`);
  }
}

/** @throws {StatusError} `Invalid` */
export function fieldValidationOf(query: URLSearchParams, operation: string): FieldValidation {
  const text = query.get("fieldValidation") ?? "";
  if (text === "") return "Warn";
  if (text === "Strict" || text === "Warn" || text === "Ignore") return text;
  throw invalid(`${operation}Options`, "meta.k8s.io", "", [
    notSupported("fieldValidation", text, ["", "Ignore", "Strict", "Warn"]),
  ]);
}

/** @throws {StatusError} `Invalid` */
export function isDryRun(query: URLSearchParams, operation: string, inBody: readonly string[] = []): boolean {
  const given = [...query.getAll("dryRun").filter((one) => one !== ""), ...inBody];
  const wrong = given.filter((one) => one !== "All");
  if (wrong.length > 0)
    throw invalid(`${operation}Options`, "meta.k8s.io", "", [notSupported("dryRun", given, ["All"])]);
  return given.length > 0;
}

/** Fields that the kind does not have are dropped, and told, or refused. @throws {StatusError} `BadRequest` */
export function settleStrictness(
  { object, strictErrors }: DecodedBody,
  expected: ExpectedKind,
  { strategy }: ResourceDefinition,
  validation: FieldValidation,
  warn: (text: string) => void,
): Draft {
  const errors = [...strictErrors, ...(strategy.prune?.(object) ?? [])];
  if (errors.length === 0 || validation === "Ignore") return object;
  if (validation === "Strict") throw strictFailure(expected, errors);
  for (const error of errors) warn(error);
  return object;
}
