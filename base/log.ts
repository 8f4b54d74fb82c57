export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

/** Constant messages with fields beside them. Logged where an error is handled, never log-and-throw. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds the fields to every line. */
  with(fields: LogFields): Log;
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Writes one JSON object a line: `time` (RFC 3339), `level`, `msg`, then the fields. Errors become their message. */
export function jsonLog(
  write: (line: string) => void,
  options: { level: LogLevel; now: () => Date },
  fixed: LogFields = {},
): Log {
  const emit = (level: LogLevel, msg: string, fields: LogFields = {}) => {
    if (rank[level] < rank[options.level]) return;
    const entry = { time: options.now().toISOString(), level, msg, ...fixed, ...fields };
    write(
      `${JSON.stringify(entry, (_key, value: unknown) => (value instanceof Error ? value.message : value))}\n`,
    );
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    with: (fields) => jsonLog(write, options, { ...fixed, ...fields }),
  };
}

/** Drops everything. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
};
