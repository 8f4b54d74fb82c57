import { bigInt, bytes, int, map, message, sub, text, texts } from "#base/protobuf.ts";

/** @see github.com/tonistiigi/fsutil, types/stat.proto */
export const stat = message({
  path: text(1),
  mode: int(2),
  uid: int(3),
  gid: int(4),
  size: int(5),
  /** Nanoseconds since 1970. */
  modTime: bigInt(6),
  linkname: text(7),
  devmajor: int(8),
  devminor: int(9),
  xattrs: map(10, bytes),
});

export const packetTypes = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;

/** @see github.com/tonistiigi/fsutil, types/wire.proto */
export const packet = message({ type: int(1), stat: sub(2, stat), id: int(3), data: bytes(4) });

/** What streams of bytes consist of: files that are sent, and connections of ssh agents. */
export const bytesMessage = message({ data: bytes(1) });

/** @see github.com/moby/buildkit, session/secrets/secrets.proto */
export const getSecretRequest = message({ id: text(1) });
export const getSecretResponse = message({ data: bytes(1) });

/** @see github.com/moby/buildkit, session/sshforward/ssh.proto */
export const checkAgentRequest = message({ id: text(1) });

/** @see github.com/moby/buildkit, session/auth/auth.proto */
export const credentialsRequest = message({ host: text(1) });
export const credentialsResponse = message({ username: text(1), secret: text(2) });
export const fetchTokenRequest = message({
  clientId: text(1),
  host: text(2),
  realm: text(3),
  service: text(4),
  scopes: texts(5),
});
/** Seconds. */
export const fetchTokenResponse = message({ token: text(1), expiresIn: int(2), issuedAt: int(3) });

export const nothing = message({});
