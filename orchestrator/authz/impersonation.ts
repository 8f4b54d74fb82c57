import { failure } from "#api/kube/status.ts";
import { parseServiceAccount, serviceAccountGroups } from "#orchestrator/authn/service-account-name.ts";
import { anonymous, extraKeyOf, type User } from "#orchestrator/authn/user.ts";
import type { Attributes, Authorizer } from "./authorizer.ts";
import { forbidden } from "./forbidden.ts";

/** Names in lower case, each value that came by itself. */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>;

const extraPrefix = "impersonate-extra-";
const authentication = "authentication.k8s.io";

type Target = Pick<
  Extract<Attributes, { type: "resource" }>,
  "group" | "version" | "resource" | "subresource" | "namespace" | "name"
>;

/**
 * As whom a request is made: whom its `Impersonate-` headers name, if the user may be that. Undefined when there are none.
 *
 * @throws {StatusError} `Forbidden`, or `BadRequest` for headers without a user
 * @see Kubernetes, Authentication: user impersonation
 */
export function impersonate(user: User, headers: DistinctHeaders, authorizer: Authorizer): User | undefined {
  const wanted = readHeaders(headers);
  if (wanted === undefined) return undefined;
  for (const target of wanted.targets) {
    const attributes: Attributes = { user, verb: "impersonate", type: "resource", ...target };
    const decision = authorizer.authorize(attributes);
    if (decision.is !== "allowed") throw forbidden(attributes, decision.reason);
  }
  return wanted.user;
}

function readHeaders(
  headers: DistinctHeaders,
): { readonly user: User; readonly targets: readonly Target[] } | undefined {
  const [name = ""] = headers["impersonate-user"] ?? [];
  const [uid = ""] = headers["impersonate-uid"] ?? [];
  const groups = headers["impersonate-group"] ?? [];
  const extra = readExtra(headers);
  const account = parseServiceAccount(name);
  const targets: readonly Target[] = [
    ...(name === ""
      ? []
      : [
          account === undefined
            ? core("users", name)
            : { ...core("serviceaccounts", account.name), namespace: account.namespace },
        ]),
    ...groups.map((group) => core("groups", group)),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...own("userextras", value), subresource: key })),
    ),
    ...(uid === "" ? [] : [own("uids", uid)]),
  ];
  if (targets.length === 0) return undefined;
  if (name === "")
    throw failure(
      "BadRequest",
      `requested [${targets.map(({ resource, name: text }) => `${resource} ${text ?? ""}`).join(" ")}] without impersonating a user`,
    );
  const fixed =
    groups.length === 0 && account !== undefined ? serviceAccountGroups(account.namespace) : groups;
  const user = {
    name,
    groups: withGeneralGroup(name, fixed),
    ...(uid !== "" && { uid }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
  return { user, targets };
}

function readExtra(headers: DistinctHeaders): Readonly<Record<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const [header, values = []] of Object.entries(headers))
    if (header.startsWith(extraPrefix)) {
      const key = extraKeyOf(header.slice(extraPrefix.length));
      found.set(key, [...(found.get(key) ?? []), ...values]);
    }
  return Object.fromEntries(found);
}

function withGeneralGroup(name: string, groups: readonly string[]): readonly string[] {
  const [all, none] = ["system:authenticated", "system:unauthenticated"];
  if (groups.includes(none) || (groups.includes(all) && name !== anonymous.name)) return groups;
  return [...groups, name === anonymous.name ? none : all];
}

function core(resource: string, name: string): Target {
  return { group: "", version: "v1", resource, name };
}

function own(resource: string, name: string): Target {
  return { group: authentication, version: "v1", resource, name };
}
