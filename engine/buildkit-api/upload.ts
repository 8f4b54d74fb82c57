import { bytesMessage } from "#api/buildkit/session.ts";
import type { Session } from "./sessions.ts";

const method = "/moby.upload.v1.Upload/Pull";

/** Whether an address stands for what the client has on its standard input. */
export function uploadHost(address: string): boolean {
  return address.startsWith("http://buildkit-session/");
}

/** @see github.com/moby/buildkit, session/upload/upload.proto */
export async function* receiveUpload(
  { client }: Session,
  address: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { pathname, host } = new URL(address);
  using call = client.open(method, { urlpath: pathname, urlhost: host }, signal);
  for await (const message of call.messages()) yield bytesMessage.decode(message).data;
}
