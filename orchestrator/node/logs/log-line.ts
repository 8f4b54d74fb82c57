/** A line as a runtime writes it. @see Kubernetes CRI logging, "<time> <stream> <tags> <text>" */
export interface LogLine {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** Only a part: the rest follows. */
  readonly isPartial: boolean;
  readonly text: Uint8Array;
}

const space = 0x20;

/** Undefined for what is no such line, e.g. the last one after a power cut. */
export function parseLogLine(bytes: Uint8Array): LogLine | undefined {
  const first = bytes.indexOf(space);
  const second = bytes.indexOf(space, first + 1);
  const third = bytes.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const word = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("latin1");
  const stream = word(first + 1, second);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const isPartial = word(second + 1, third).split(":")[0] === "P";
  return { time: word(0, first), stream, isPartial, text: bytes.subarray(third + 1) };
}
