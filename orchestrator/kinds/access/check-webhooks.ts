import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  Mutation,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  WebhookClientConfig,
} from "#api/kube/types/admissionregistration.ts";
import type { CertificateSigningRequest } from "#api/kube/types/certificates.ts";
import { compileExpression } from "#orchestrator/machinery/cel/admission-expressions.ts";
import { duplicate, invalid, notSupported, required, tooMany } from "#orchestrator/machinery/field-error.ts";
import { qualifiedNameComplaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { checkRequiredSupported, checkSelector, checkSupported, type Findings } from "../check.ts";
import { view } from "../edit.ts";

type Errors = readonly FieldError[];

const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const scopes = ["*", "Cluster", "Namespaced"];

/** Of mutating and validating configurations. */
export function webhookErrors(object: Draft): Errors {
  const into: Findings = [];
  const seen = new Set<string>();
  for (const [at, webhook] of (view<MutatingWebhookConfiguration>(object).webhooks ?? []).entries()) {
    const own = `webhooks[${at}]`;
    checkWebhook(into, own, webhook);
    if (seen.has(webhook.name)) into.push(duplicate(`${own}.name`, webhook.name));
    seen.add(webhook.name);
  }
  return into;
}

function checkWebhook(into: Findings, path: string, webhook: MutatingWebhook | ValidatingWebhook): void {
  checkQualified(into, `${path}.name`, webhook.name ?? "");
  for (const [at, rule] of (webhook.rules ?? []).entries()) checkRule(into, `${path}.rules[${at}]`, rule);
  checkSupported(into, `${path}.failurePolicy`, webhook.failurePolicy, ["Fail", "Ignore"]);
  checkSupported(into, `${path}.matchPolicy`, webhook.matchPolicy, ["Equivalent", "Exact"]);
  const { sideEffects } = webhook;
  if ((sideEffects as string | undefined) === undefined)
    into.push(required(`${path}.sideEffects`, "must specify one of None, NoneOnDryRun"));
  else checkSupported(into, `${path}.sideEffects`, sideEffects, ["None", "NoneOnDryRun"]);
  const { timeoutSeconds } = webhook;
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30))
    into.push(
      invalid(`${path}.timeoutSeconds`, timeoutSeconds, "the timeout value must be between 1 and 30 seconds"),
    );
  checkSelector(into, `${path}.namespaceSelector`, webhook.namespaceSelector);
  checkSelector(into, `${path}.objectSelector`, webhook.objectSelector);
  checkConditions(into, `${path}.matchConditions`, webhook.matchConditions ?? []);
  if ("reinvocationPolicy" in webhook)
    checkSupported(into, `${path}.reinvocationPolicy`, webhook.reinvocationPolicy, ["IfNeeded", "Never"]);
  checkClient(into, `${path}.clientConfig`, webhook.clientConfig);
  checkReviewVersions(into, `${path}.admissionReviewVersions`, webhook.admissionReviewVersions ?? []);
}

const mostConditions = 64;

function checkConditions(into: Findings, path: string, conditions: readonly MatchCondition[]): void {
  if (conditions.length > mostConditions) into.push(tooMany(path, conditions.length, mostConditions));
  const seen = new Set<string>();
  for (const [at, { name = "", expression = "" }] of conditions.entries()) {
    const own = `${path}[${at}]`;
    if (name === "") into.push(required(`${own}.name`));
    else for (const text of qualifiedNameComplaints(name)) into.push(invalid(`${own}.name`, name, text));
    if (seen.has(name)) into.push(duplicate(`${own}.name`, name));
    seen.add(name);
    checkExpression(into, `${own}.expression`, expression);
  }
}

function checkExpression(into: Findings, path: string, expression: string): void {
  if (expression.trim() === "") return void into.push(required(path));
  const compiled = compileExpression(expression);
  if ("error" in compiled) into.push(invalid(path, expression, `compilation failed: ${compiled.error}`));
}

function checkQualified(into: Findings, path: string, name: string): void {
  if (name === "") return void into.push(required(path));
  for (const text of subdomainComplaints(name)) into.push(invalid(path, name, text));
  if (name.split(".").length < 3)
    into.push(invalid(path, name, "should be a domain with at least three segments separated by dots"));
}

function checkReviewVersions(into: Findings, path: string, versions: readonly string[]): void {
  const known = ["v1", "v1beta1"];
  if (versions.length === 0) return void into.push(required(path, `must specify one of ${known.join(", ")}`));
  if (!versions.some((version) => known.includes(version)))
    into.push(invalid(path, versions, `must include at least one of ${known.join(", ")}`));
}

function checkRule(into: Findings, path: string, rule: RuleWithOperations): void {
  for (const name of ["apiGroups", "apiVersions", "resources"] as const) {
    const values = rule[name] ?? [];
    if (values.length === 0) into.push(required(`${path}.${name}`));
    if (name !== "resources" && values.length > 1 && values.includes("*"))
      into.push(
        invalid(
          `${path}.${name}`,
          values,
          "if '*' is present, must not specify other " +
            (name === "apiGroups" ? "API groups" : "API versions"),
        ),
      );
  }
  const given = rule.operations ?? [];
  if (given.length === 0) into.push(required(`${path}.operations`));
  if (given.length > 1 && given.includes("*"))
    into.push(invalid(`${path}.operations`, given, "if '*' is present, must not specify other operations"));
  for (const [at, operation] of given.entries())
    checkSupported(into, `${path}.operations[${at}]`, operation, operations);
  checkSupported(into, `${path}.scope`, rule.scope, scopes);
}

function checkClient(into: Findings, path: string, client: WebhookClientConfig | undefined): void {
  const { url, service } = client ?? {};
  if ((url === undefined) === (service === undefined))
    return void into.push(required(path, "exactly one of url or service is required"));
  if (url !== undefined) checkUrl(into, `${path}.url`, url);
  if (service === undefined) return;
  if ((service.name ?? "") === "") into.push(required(`${path}.service.name`, "service name is required"));
  if ((service.namespace ?? "") === "")
    into.push(required(`${path}.service.namespace`, "service namespace is required"));
  const { port, path: target } = service;
  if (port !== undefined && (port < 1 || port > 65_535))
    into.push(
      invalid(`${path}.service.port`, port, `port is not valid: must be between 1 and 65535, inclusive`),
    );
  if (target !== undefined && !target.startsWith("/"))
    into.push(invalid(`${path}.service.path`, target, "must start with a '/'"));
}

const urlForm = "; desired format: https://host[/path]";

function checkUrl(into: Findings, path: string, text: string): void {
  const url = URL.parse(text);
  if (url === null) return void into.push(required(path, `url must be a valid URL${urlForm}`));
  if (url.protocol !== "https:")
    into.push(invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${urlForm}`));
  if (url.username !== "" || url.password !== "")
    into.push(invalid(path, url.username, "user information is not permitted in the URL"));
  if (url.hash !== "") into.push(invalid(path, url.hash.slice(1), "fragments are not permitted in the URL"));
  if (url.search !== "")
    into.push(invalid(path, url.search.slice(1), "query parameters are not permitted in the URL"));
}

export function admissionPolicyErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<ValidatingAdmissionPolicy>(object);
  checkSupported(into, "spec.failurePolicy", spec?.failurePolicy, ["Fail", "Ignore"]);
  const match = spec?.matchConstraints;
  if (match === undefined) into.push(required("spec.matchConstraints"));
  else if ((match.resourceRules ?? []).length === 0)
    into.push(required("spec.matchConstraints.resourceRules"));
  checkConditions(into, "spec.matchConditions", spec?.matchConditions ?? []);
  for (const [at, { expression }] of (spec?.variables ?? []).entries())
    checkExpression(into, `spec.variables[${at}].expression`, expression);
  for (const [at, rule] of (match?.resourceRules ?? []).entries())
    checkRule(into, `spec.matchConstraints.resourceRules[${at}]`, rule as RuleWithOperations);
  if (object["kind"] === "ValidatingAdmissionPolicy") {
    const { validations = [], auditAnnotations = [] } = spec ?? {};
    if (validations.length === 0 && auditAnnotations.length === 0)
      into.push(required("spec.validations", "validations or auditAnnotations must be provided"));
    for (const [at, { expression }] of validations.entries())
      if ((expression ?? "").trim() === "")
        into.push(required(`spec.validations[${at}].expression`, "expression is not specified"));
      else checkExpression(into, `spec.validations[${at}].expression`, expression);
  } else checkMutations(into, view<MutatingAdmissionPolicy>(object).spec?.mutations ?? []);
  return into;
}

function checkMutations(into: Findings, mutations: readonly Mutation[]): void {
  if (mutations.length === 0)
    into.push(required("spec.mutations", "mutations must contain at least one item"));
  for (const [at, { patchType, jsonPatch, applyConfiguration }] of mutations.entries()) {
    const path = `spec.mutations[${at}]`;
    checkRequiredSupported(into, `${path}.patchType`, patchType, ["ApplyConfiguration", "JSONPatch"]);
    const [name, given] =
      patchType === "JSONPatch"
        ? (["jsonPatch", jsonPatch] as const)
        : (["applyConfiguration", applyConfiguration] as const);
    if (given === undefined)
      into.push(required(`${path}.${name}`, `must be specified when patchType is ${patchType}`));
    else checkExpression(into, `${path}.${name}.expression`, given.expression ?? "");
  }
}

export function admissionPolicyBindingErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<ValidatingAdmissionPolicyBinding>(object);
  if ((spec?.policyName ?? "") === "") into.push(required("spec.policyName"));
  if (object["kind"] !== "ValidatingAdmissionPolicyBinding") return into;
  const actions = spec?.validationActions ?? [];
  if (actions.length === 0)
    into.push(required("spec.validationActions", "at least one validation action is required"));
  const known = ["Audit", "Deny", "Warn"];
  for (const action of actions)
    if (!known.includes(action)) into.push(notSupported("spec.validationActions", action, known));
  if (actions.includes("Deny") && actions.includes("Warn"))
    into.push(
      invalid(
        "spec.validationActions",
        actions,
        "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
      ),
    );
  return into;
}

const usages = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];
const shortestCertificateS = 600;

/** Beside the request itself, which whoever signs it reads. */
export function certificateRequestErrors(object: Draft): Errors {
  const into: Findings = [];
  const { spec } = view<CertificateSigningRequest>(object);
  const { signerName, expirationSeconds } = spec;
  const request = spec.request ?? "";
  const text = Buffer.from(request, "base64").toString("latin1");
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(text))
    into.push(invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST"));
  const given = spec.usages ?? [];
  if (given.length === 0) into.push(required("spec.usages"));
  for (const [at, usage] of given.entries()) {
    checkRequiredSupported(into, `spec.usages[${at}]`, usage, usages);
    if (given.indexOf(usage) < at) into.push(duplicate(`spec.usages[${at}]`, usage));
  }
  if (signerName === "") into.push(required("spec.signerName"));
  else if (!/^[^/]+\/.+$/.test(signerName))
    into.push(
      invalid(
        "spec.signerName",
        signerName,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      ),
    );
  if (expirationSeconds !== undefined && expirationSeconds < shortestCertificateS)
    into.push(
      invalid(
        "spec.expirationSeconds",
        expirationSeconds,
        "may not specify a duration less than 600 seconds (10 minutes)",
      ),
    );
  return into;
}
