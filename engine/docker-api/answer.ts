import type { Duplex } from "node:stream";

export type HeaderPairs = readonly string[];

/** What a route answers. Deciding it is the route's job, writing it (to a response or a taken-over socket) the server's. */
export type Answer =
  | {
      readonly kind: "body";
      readonly status: number;
      readonly type: string;
      readonly body: string | Buffer;
      readonly headers?: HeaderPairs;
    }
  | { readonly kind: "empty"; readonly status: number; readonly headers?: HeaderPairs }
  | StreamAnswer
  | HijackAnswer;

export interface StreamAnswer {
  readonly kind: "stream";
  readonly type: string;
  readonly headers?: HeaderPairs;
  /**
   * When the status line goes out: at once; with the first chunk, so that a failure before it has a status of its own; or, in
   * between, as soon as the source has started without failing.
   */
  readonly start: "now" | "started" | "first-chunk";
  /**
   * A failure after the status line: `cut` breaks the connection off, `report` sends it as a JSON object in the stream.
   * `report-always` does so before it too, with status 200.
   */
  readonly onFailure: "cut" | "report" | "report-always";
  /** Its `return` is called when the client leaves. */
  readonly chunks: AsyncIterable<Buffer | string>;
}

/** The connection becomes a raw stream, a websocket, HTTP/2, or frames of our own. */
export interface HijackAnswer {
  readonly kind: "hijack";
  readonly protocol: "raw" | "websocket" | "h2c" | "gantry-rpc";
  /** What `run` writes is multiplexed: a websocket takes the frames' headers out. */
  readonly isFramed: boolean;
  readonly type: string;
  /** Exec start repeats the engine's headers behind the upgrade's. */
  readonly repeatsHeaders: boolean;
  run(client: Duplex): Promise<void>;
  /** The client has gone before `run`. */
  cancel(): void;
}

export function json(value: unknown, status = 200): Answer {
  return jsonText(JSON.stringify(value), status);
}

/** Of JSON that is encoded already, without its line end. */
export function jsonText(text: string, status = 200): Answer {
  return { kind: "body", status, type: "application/json", body: `${text}\n` };
}

export function empty(status: number): Answer {
  return { kind: "empty", status };
}
