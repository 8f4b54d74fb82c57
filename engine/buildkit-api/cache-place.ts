import type { Place } from "#engine/images/content-exchange.ts";
import { parseReference, withDefaultTag } from "#oci/reference.ts";
import { flagOf } from "./image-attributes.ts";
import { credentialsOf } from "./registry-auth.ts";
import type { Session } from "./sessions.ts";

/** Where the cache is that a client calls by its `ref`, in a registry. @throws {Fault} `invalid` */
export function cachePlaceOf(session: Session, attrs: ReadonlyMap<string, string>): Place {
  const reference = withDefaultTag(parseReference(attrs.get("ref") ?? ""));
  const credentials = credentialsOf(session, reference.domain);
  return { reference, credentials, isInsecure: flagOf(attrs, "registry.insecure", false) };
}
