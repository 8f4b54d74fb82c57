import { Duplex } from "node:stream";
import type { Connection } from "#client/transport.ts";

/** A connection as Node's streams are. Destroying one closes the other. */
export function connectionStream(connection: Connection): Duplex {
  const incoming = connection.incoming[Symbol.asyncIterator]();
  return new Duplex({
    read() {
      incoming.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error: unknown) => this.destroy(error as Error),
      );
    },
    write(chunk: Buffer, _encoding, done) {
      connection.write(chunk).then(
        () => done(),
        (error: unknown) => done(error as Error),
      );
    },
    final(done) {
      connection.closeWrite();
      done();
    },
    destroy(error, done) {
      connection.close();
      done(error);
    },
  });
}
