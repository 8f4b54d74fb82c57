import { Fault } from "#base/fault.ts";
import type { ProgressMessage } from "#client/docker-types.ts";
import { readAuth, registryOf } from "../../config/registry-auth.ts";
import type { Session } from "../session.ts";

/** A repository and its tag or digest; `latest` when neither is said. */
export function splitTag(image: string): readonly [string, string] {
  const at = image.indexOf("@");
  if (at > 0) return [image.slice(0, at), image.slice(at + 1)];
  const colon = image.lastIndexOf(":");
  return colon > image.lastIndexOf("/") ? [image.slice(0, colon), image.slice(colon + 1)] : [image, "latest"];
}

/** Reads a stream of progress to its end. @throws {Fault} `internal` with the engine's words when a message is an error */
export async function drain(
  messages: AsyncIterable<ProgressMessage>,
  onText?: (text: string) => void,
): Promise<void> {
  for await (const message of messages) {
    if (message.error !== undefined) throw new Fault("internal", message.error);
    if (message.stream !== undefined) onText?.(message.stream);
  }
}

/** Pushes with what is known of the image's registry. */
export async function pushImage({ client, context, signal }: Session, image: string): Promise<void> {
  const [name, tag] = splitTag(image);
  const auth = await readAuth(context.config(), registryOf(image));
  await drain(client.pushImage({ name, tag }, auth, signal));
}
