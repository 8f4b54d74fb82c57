import { familiarReference, parseReference, withDefaultTag } from "#oci/reference.ts";
import { readAuth, registryOf } from "../config/registry-auth.ts";
import type { Context } from "../context.ts";
import type { Terminal } from "../output/terminal.ts";
import { showProgress } from "./progress.ts";

/** Pulls one image and shows it. @throws {Fault} with the daemon's words */
export async function pullImage(
  context: Context,
  text: string,
  options: { readonly platform?: string | undefined; readonly quiet: boolean; readonly out: Terminal },
): Promise<void> {
  const { name, tag } = nameAndTag(text);
  const auth = await readAuth(context.config(), registryOf(name));
  const messages = context
    .engine()
    .pullImage({ name, tag, platform: options.platform }, auth, context.signal);
  await showProgress(messages, options.quiet ? silent(options.out) : options.out);
}

/** A name in the form that the daemon takes, `latest` where nothing else was said. */
export function nameAndTag(text: string): { readonly name: string; readonly tag: string } {
  const { domain, path, tag, digest } = parseReference(text);
  return { name: `${domain}/${path}`, tag: digest ?? tag ?? "latest" };
}

/** How docker shows the image: short, with its tag. */
export function familiarWithTag(text: string): string {
  return familiarReference(withDefaultTag(parseReference(text)));
}

function silent(terminal: Terminal): Terminal {
  return { ...terminal, isTerminal: false, write: () => {} };
}
