import {
  infoRequest,
  infoResponse,
  readContentRequest,
  readContentResponse,
  writeActions,
  writeContentRequest,
  writeContentResponse,
} from "#api/buildkit/content.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import type { ClientCall } from "#rpc/rpc-client.ts";
import type { Session } from "./sessions.ts";

const service = "/containerd.services.content.v1.Content";
const storeHeader = "buildkit-attachable-store-id";
const pieceBytes = 1 << 20;

/**
 * A folder of the client with blobs by digest, by the name that it has for it.
 *
 * @see github.com/containerd/containerd, api/services/content/v1/content.proto; github.com/moby/buildkit, session/content
 */
export class ClientContent {
  readonly #session: Session;
  readonly #store: string;

  constructor(session: Session, store: string) {
    this.#session = session;
    this.#store = store;
  }

  /** @throws {Fault} with what the client says */
  async has({ digest }: Pick<Descriptor, "digest">, signal: AbortSignal): Promise<boolean> {
    using call = this.#open("Info", signal);
    try {
      await call.send(infoRequest.encode({ digest }));
      call.finish();
      for await (const message of call.messages()) infoResponse.decode(message);
      return true;
    } catch (error) {
      if (isFault(error, "not-found")) return false;
      throw error;
    }
  }

  /** A blob from an offset on; not verified. @throws {Fault} with what the client says */
  async *read(digest: string, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    using call = this.#open("Read", signal);
    await call.send(readContentRequest.encode({ digest, offset }));
    call.finish();
    for await (const message of call.messages()) yield readContentResponse.decode(message).data;
  }

  /**
   * Puts a blob there, unless it is there already.
   *
   * @param sourceFrom its bytes from where an earlier try has got to
   * @throws {Fault} with what the client says
   */
  async write(
    { digest, size }: Descriptor,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    using call = this.#open("Write", signal);
    try {
      await writeAll(call, { digest, size }, sourceFrom);
    } catch (error) {
      if (!isFault(error, "already-exists")) throw error;
    }
  }

  #open(method: string, signal: AbortSignal): ClientCall {
    const path = `${service}/${method}`;
    if (!this.#session.supports(path))
      throw new Fault("invalid", `method ${path} not supported by the client`);
    return this.#session.client.open(path, { [storeHeader]: this.#store }, signal);
  }
}

/** Every message has its answer. */
async function writeAll(
  call: ClientCall,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const answers = call.messages();
  const ask = async (request: Parameters<typeof writeContentRequest.encode>[0]) => {
    await call.send(
      writeContentRequest.encode({ ref: `gantry-${digest}`, total: size, expected: digest, ...request }),
    );
    const { done, value } = await answers.next();
    if (done === true) throw new Fault("unavailable", "the client's session is over");
    return writeContentResponse.decode(value);
  };
  let { offset } = await ask({ action: writeActions.stat });
  for await (const chunk of sourceFrom(offset))
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const data = chunk.subarray(at, at + pieceBytes);
      await ask({ action: writeActions.write, offset, data });
      offset += data.length;
    }
  await ask({ action: writeActions.commit, offset });
  call.finish();
}
