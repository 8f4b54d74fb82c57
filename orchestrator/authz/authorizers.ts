import type { Attributes, Authorizer, Decision } from "./authorizer.ts";

/** Lets everything happen that somebody of the group does. */
export function privilegedGroup(group: string): Authorizer {
  return {
    authorize: ({ user }) => ({ is: user.groups.includes(group) ? "allowed" : "no-opinion", reason: "" }),
  };
}

/** Asks one after the other until one decides. */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes: Attributes): Decision {
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes);
        if (decision.is !== "no-opinion") return decision;
        if (decision.reason !== "") reasons.push(decision.reason);
      }
      return { is: "no-opinion", reason: reasons.join("\n") };
    },
  };
}
