import { messageOf } from "#base/fault.ts";
import { remembered } from "#base/remembered.ts";
import {
  celEnvironment,
  compileIn,
  type Expression,
  loadCel,
  mostCompiled,
} from "#orchestrator/machinery/cel/environment.ts";
import { duplicate, forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { celValue } from "./cel-value.ts";
import type { RuleChecker } from "./custom-strategy.ts";
import { type CelRule, itemsOf, type JsonSchema, memberOf } from "./definition.ts";

type Errors = readonly FieldError[];

type Program = Expression & { readonly usesOld: boolean };

let environment: ReturnType<typeof celEnvironment> | undefined;

/** An expression over `self` and `oldSelf`, or why it is none. */
const compile = remembered(mostCompiled, (expression): Program => {
  environment ??= celEnvironment(["self", "oldSelf"]);
  const usesOld = /\boldSelf\b/.test(expression.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, ""));
  return { ...compileIn(environment, expression), usesOld };
});

/** What keeps a rule from being compiled. @param path e.g. `….x-kubernetes-validations[0]` */
export function compileErrors(rule: CelRule, path: string): Errors {
  const program = compile(rule.rule);
  const errors: FieldError[] = [];
  if ("error" in program) errors.push(invalid(`${path}.rule`, rule, `compilation failed: ${program.error}`));
  else if (!program.usesOld && rule.optionalOldSelf !== undefined)
    errors.push(
      invalid(
        `${path}.optionalOldSelf`,
        rule.optionalOldSelf,
        "may not be set if oldSelf is not used in rule",
      ),
    );
  const message = rule.messageExpression === undefined ? undefined : compile(rule.messageExpression);
  if (message !== undefined && "error" in message)
    errors.push(
      invalid(`${path}.messageExpression`, rule, `messageExpression compilation failed: ${message.error}`),
    );
  return errors;
}

export const celRules: RuleChecker = {
  check: (schema, object, old) => visit(schema, object, old, ""),
};

function visit(schema: JsonSchema | undefined, value: unknown, old: unknown, path: string): Errors {
  if (schema === undefined || value === null || value === undefined) return [];
  const own = (schema["x-kubernetes-validations"] ?? []).flatMap((rule) =>
    ruleErrors(schema, rule, value, old, path),
  );
  const all = (schema.allOf ?? []).flatMap((each) =>
    visit({ ...each, type: schema.type ?? "" }, value, old, path),
  );
  return [...own, ...all, ...childErrors(schema, value, old, path)];
}

function childErrors(schema: JsonSchema, value: unknown, old: unknown, path: string): Errors {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return items === undefined
      ? []
      : value.flatMap((item, at) => visit(items, item, oldItem(schema, item, old), `${path}[${at}]`));
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const before = isObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
    const isProperty = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    const child = isProperty ? (path === "" ? name : `${path}.${name}`) : `${path}[${name}]`;
    return visit(memberOf(schema, name), member, before, child);
  });
}

/** The item that an item of a list was: by its keys, where it has some. */
function oldItem(schema: JsonSchema, item: unknown, old: unknown): unknown {
  if (schema["x-kubernetes-list-type"] !== "map" || !Array.isArray(old) || !isObject(item)) return undefined;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  return old.find(
    (each) => isObject(each) && keys.every((key) => isSameJson(each[key] ?? null, item[key] ?? null)),
  );
}

function ruleErrors(schema: JsonSchema, rule: CelRule, value: unknown, old: unknown, path: string): Errors {
  const type = schema.type ?? "";
  const field = path === "" ? "<nil>" : path;
  const program = compile(rule.rule);
  if ("error" in program)
    return [invalid(field, type, `rule compile error: compilation failed: ${program.error}`)];
  if (program.usesOld && (old === undefined || old === null) && rule.optionalOldSelf !== true) return [];
  const before = old === undefined ? undefined : celValue(schema, old);
  const { Optional } = loadCel();
  const variables = {
    self: celValue(schema, value),
    oldSelf: rule.optionalOldSelf === true ? Optional.of(before) : before,
  };
  try {
    if (program.run(variables) === true) return [];
  } catch (error) {
    return [invalid(field, type, `${firstLine(messageOf(error))} evaluating rule: ${shownRule(rule)}`)];
  }
  const where = rule.fieldPath === undefined ? field : `${path}${rule.fieldPath}`.replace(/^\./, "");
  return [failed(where, type, rule, messageFor(rule, variables))];
}

function messageFor(rule: CelRule, variables: Readonly<Record<string, unknown>>): string {
  const program = rule.messageExpression === undefined ? undefined : compile(rule.messageExpression);
  if (program !== undefined && !("error" in program)) {
    try {
      const text = program.run(variables);
      if (typeof text === "string" && text.trim() !== "" && !/[\n\r]/.test(text)) return text;
    } catch {
      // what cannot be told in its own words is told in the rule's
    }
  }
  const message = (rule.message ?? "").trim();
  return message === "" ? `failed rule: ${rule.rule.trim()}` : message;
}

function failed(field: string, type: string, rule: CelRule, message: string): FieldError {
  switch (rule.reason) {
    case "FieldValueForbidden":
      return forbidden(field, message);
    case "FieldValueRequired":
      return required(field, message);
    case "FieldValueDuplicate":
      return duplicate(field, type);
    default:
      return invalid(field, type, message);
  }
}

function shownRule(rule: CelRule): string {
  const message = (rule.message ?? "").trim();
  return message === "" ? rule.rule.trim() : message;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
