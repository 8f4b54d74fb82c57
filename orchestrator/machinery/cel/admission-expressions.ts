import { remembered } from "#base/remembered.ts";
import { celEnvironment, compileIn, type Expression, loadCel, mostCompiled } from "./environment.ts";
import { structsAsMaps } from "./struct-literals.ts";

const names = ["object", "oldObject", "request", "params", "namespaceObject", "variables", "authorizer"];
let environment: ReturnType<typeof celEnvironment> | undefined;

/** An expression of a policy or a match condition. @see Kubernetes, "Validating Admission Policy" */
export const compileExpression: (text: string) => Expression = remembered(mostCompiled, (text) => {
  environment ??= admissionEnvironment();
  return compileIn(environment, structsAsMaps(text));
});

function admissionEnvironment() {
  return celEnvironment(names)
    .registerFunction("escapeJsonPatchKey(string): string", (key: string) =>
      key.replaceAll("~", "~0").replaceAll("/", "~1"),
    )
    .registerType("Authorizer", { ctor: CelAuthorizer, fields: {} })
    .registerType("ResourceCheck", { ctor: ResourceCheck, fields: {} })
    .registerType("AuthorizationDecision", { ctor: AuthorizationDecision, fields: {} })
    .registerFunction("Authorizer.group(string): ResourceCheck", (of: CelAuthorizer, group: string) =>
      of.check({ group }),
    )
    .registerFunction("Authorizer.requestResource(): ResourceCheck", (of: CelAuthorizer) => of.check({}))
    .registerFunction(
      "ResourceCheck.resource(string): ResourceCheck",
      (of: ResourceCheck, resource: string) => of.with({ resource }),
    )
    .registerFunction(
      "ResourceCheck.subresource(string): ResourceCheck",
      (of: ResourceCheck, subresource: string) => of.with({ subresource }),
    )
    .registerFunction(
      "ResourceCheck.namespace(string): ResourceCheck",
      (of: ResourceCheck, namespace: string) => of.with({ namespace }),
    )
    .registerFunction("ResourceCheck.name(string): ResourceCheck", (of: ResourceCheck, name: string) =>
      of.with({ name }),
    )
    .registerFunction(
      "ResourceCheck.check(string): AuthorizationDecision",
      (of: ResourceCheck, verb: string) => of.decide(verb),
    )
    .registerFunction("AuthorizationDecision.allowed(): bool", (of: AuthorizationDecision) => of.isAllowed)
    .registerFunction("AuthorizationDecision.reason(): string", (of: AuthorizationDecision) => of.reason);
}

export interface AskedAccess {
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export type Decide = (
  verb: string,
  asked: AskedAccess,
) => { readonly isAllowed: boolean; readonly reason: string };

/** `authorizer` in expressions: what else the user may do. */
export class CelAuthorizer {
  readonly #decide: Decide;
  readonly #request: AskedAccess;

  /** @param request what the request itself is about */
  constructor(decide: Decide, request: AskedAccess) {
    this.#decide = decide;
    this.#request = request;
  }

  check(asked: AskedAccess): ResourceCheck {
    return new ResourceCheck(this.#decide, asked.group === undefined ? this.#request : asked);
  }
}

class ResourceCheck {
  readonly #decide: Decide;
  readonly #asked: AskedAccess;

  constructor(decide: Decide, asked: AskedAccess) {
    this.#decide = decide;
    this.#asked = asked;
  }

  with(more: AskedAccess): ResourceCheck {
    return new ResourceCheck(this.#decide, { ...this.#asked, ...more });
  }

  decide(verb: string): AuthorizationDecision {
    const { isAllowed, reason } = this.#decide(verb, this.#asked);
    return new AuthorizationDecision(isAllowed, reason);
  }
}

class AuthorizationDecision {
  readonly isAllowed: boolean;
  readonly reason: string;

  constructor(isAllowed: boolean, reason: string) {
    this.isAllowed = isAllowed;
    this.reason = reason;
  }
}

/** JSON as expressions see it: whole numbers are integers. */
export function celOf(value: unknown): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, celOf(member)]));
}

/** The other way round: optional values are what they hold, and left out when they hold nothing. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof loadCel().Optional) return value.hasValue() ? jsonOf(value.value()) : undefined;
  const members = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    members
      .map(([name, member]) => [String(name), jsonOf(member)] as const)
      .filter(([, member]) => member !== undefined),
  );
}
