import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { duplexConnection } from "./duplex-connection.ts";

/** One that takes a write when the event loop comes round again, and asks for patience after every byte. */
function slow(): Duplex {
  return new Duplex({
    highWaterMark: 1,
    read() {},
    write: (_bytes, _encoding, done) => void setImmediate(done),
  });
}

test("duplexConnection: waiting for room leaves no listeners behind", async () => {
  const socket = slow();
  const connection = duplexConnection(socket);
  const before = ["drain", "close", "error"].map((event) => socket.listenerCount(event));
  for (let count = 0; count < 20; count++) await connection.write(Buffer.from("xx"));
  assert.deepEqual(
    ["drain", "close", "error"].map((event) => socket.listenerCount(event)),
    before,
  );
  connection.close();
});

test("duplexConnection: who waits for room learns of the end", async () => {
  const socket = new Duplex({ highWaterMark: 1, read() {}, write() {} });
  const connection = duplexConnection(socket);
  const writing = connection.write(Buffer.from("xx"));
  connection.close();
  await writing;
  await assert.rejects(connection.write(Buffer.from("x")), /the connection was closed/);
});
