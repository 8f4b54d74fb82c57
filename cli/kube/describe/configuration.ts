import type {
  ConfigMap,
  LimitRange,
  Namespace,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from "#api/kube/types/core.ts";
import { type Description, timeText } from "./description.ts";

function describeMeta(to: Description, { metadata }: ConfigMap | Secret | ServiceAccount): void {
  to.name(metadata);
  to.meta(metadata);
}

export function describeConfigMap(to: Description, configMap: ConfigMap): void {
  const { data = {}, binaryData = {} } = configMap;
  describeMeta(to, configMap);
  for (const line of ["", "Data", "===="]) to.line(0, line);
  for (const name of Object.keys(data).sort())
    for (const line of [`${name}:`, "----", data[name], ""]) to.line(0, line);
  for (const line of ["", "BinaryData", "===="]) to.line(0, line);
  for (const name of Object.keys(binaryData).sort())
    to.line(0, `${name}: ${bytesOf(binaryData[name])} bytes`);
  to.line(0, "");
}

function bytesOf(base64 = ""): number {
  return Buffer.from(base64, "base64").length;
}

export function describeSecret(to: Description, secret: Secret): void {
  const { type, data = {} } = secret;
  describeMeta(to, secret);
  to.line(0, "");
  to.line(0, "Type:", type);
  for (const line of ["", "Data", "===="]) to.line(0, line);
  for (const name of Object.keys(data).sort()) {
    const isToken = name === "token" && type === "kubernetes.io/service-account-token";
    const value = data[name] ?? "";
    to.line(0, `${name}:`, isToken ? Buffer.from(value, "base64").toString() : `${bytesOf(value)} bytes`);
  }
}

export function describeServiceAccount(to: Description, account: ServiceAccount): void {
  describeMeta(to, account);
  const names = (account.imagePullSecrets ?? []).map(({ name }) => name ?? "");
  const title = "Image pull secrets:";
  (names.length === 0 ? ["<none>"] : names).forEach((name, at) =>
    to.line(0, at === 0 ? title : " ".repeat(title.length), name),
  );
}

export function describeNamespace(
  to: Description,
  { metadata, status }: Namespace,
  quotas: readonly ResourceQuota[],
  ranges: readonly LimitRange[],
): void {
  to.line(0, "Name:", metadata.name);
  to.meta(metadata);
  to.line(0, "Status:", status?.phase ?? "");
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0) {
    to.line(0, "Conditions:");
    to.line(1, "Type", "Status", "LastTransitionTime", "Reason", "Message");
    to.line(1, "----", "------", "------------------", "------", "-------");
  }
  for (const { type, status: is, lastTransitionTime, reason, message } of conditions)
    to.line(1, type, is, timeText(lastTransitionTime), reason, message);
  to.line(0, "");
  describeQuotas(to, quotas);
  to.line(0, "");
  describeRanges(to, ranges);
}

function describeQuotas(to: Description, quotas: readonly ResourceQuota[]): void {
  if (quotas.length === 0) return to.line(0, "No resource quota.");
  to.line(0, "Resource Quotas");
  for (const { metadata, spec, status } of quotas.toSorted((a, b) =>
    (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1,
  )) {
    to.line(1, "Name:", metadata.name);
    if ((spec?.scopes ?? []).length > 0) to.line(1, "Scopes:", spec?.scopes?.toSorted().join(", "));
    to.line(1, "Resource", "Used", "Hard");
    to.line(1, "--------", "---", "---");
    for (const name of Object.keys(status?.hard ?? {}).sort())
      to.line(1, name, status?.used?.[name] ?? "0", status?.hard?.[name]);
  }
}

function describeRanges(to: Description, ranges: readonly LimitRange[]): void {
  if (ranges.length === 0) return to.line(0, "No LimitRange resource.");
  to.line(0, "Resource Limits");
  to.line(
    0,
    " Type",
    "Resource",
    "Min",
    "Max",
    "Default Request",
    "Default Limit",
    "Max Limit/Request Ratio",
  );
  to.line(
    0,
    " ----",
    "--------",
    "---",
    "---",
    "---------------",
    "-------------",
    "-----------------------",
  );
  for (const { spec } of ranges)
    for (const { type, max, min, defaultRequest, default: usual, maxLimitRequestRatio } of spec?.limits ??
      []) {
      const lists = [min, max, defaultRequest, usual, maxLimitRequestRatio];
      const names = new Set(lists.flatMap((list) => Object.keys(list ?? {})));
      for (const name of [...names].sort())
        to.line(0, ` ${type}`, name, ...lists.map((list) => list?.[name] ?? "-"));
    }
}
