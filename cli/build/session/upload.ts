import { bytesMessage } from "#api/buildkit/session.ts";
import { Fault } from "#base/fault.ts";
import type { Method } from "#rpc/methods.ts";

export const uploadPath = "/moby.upload.v1.Upload/Pull";
const pieceBytes = 1 << 20;

/**
 * Sends an archive that is a build's context, once.
 *
 * @param name the last part of the address that the build has for it
 * @see github.com/moby/buildkit, session/upload/upload.proto
 */
export function uploadMethod(name: string, archive: AsyncIterable<Uint8Array>): Method {
  let isTaken = false;
  return async (call) => {
    if (call.metadata("urlpath") !== `/${name}` || isTaken)
      throw new Fault("not-found", `no upload for ${call.metadata("urlpath")}`);
    isTaken = true;
    for await (const piece of archive)
      for (let at = 0; at < piece.length; at += pieceBytes)
        await call.send(bytesMessage.encode({ data: piece.subarray(at, at + pieceBytes) }));
  };
}
