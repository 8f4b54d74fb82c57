import type { User } from "./user.ts";

const prefix = "system:serviceaccount:";

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${prefix}${namespace}:${name}`;
}

/** Namespace and name, or undefined when the user is no ServiceAccount. */
export function parseServiceAccount(
  userName: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (!userName.startsWith(prefix)) return undefined;
  const [namespace, name, ...rest] = userName.slice(prefix.length).split(":");
  if (!isLabel(namespace) || !isSubdomain(name) || rest.length > 0) return undefined;
  return { namespace, name };
}

export function serviceAccountGroups(namespace: string): readonly string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

export function serviceAccountUser(
  { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
  extra?: User["extra"],
): User {
  return {
    name: serviceAccountUserName(namespace, name),
    uid,
    groups: [...serviceAccountGroups(namespace), "system:authenticated"],
    ...(extra !== undefined && { extra }),
  };
}

function isLabel(text: string | undefined): text is string {
  return text !== undefined && /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text);
}

function isSubdomain(text: string | undefined): text is string {
  return text !== undefined && text.length <= 253 && text.split(".").every(isLabel);
}
