import type { LogInfo } from "../log-info.ts";
import type { RemoteDriver } from "../log-options.ts";
import type { DriverHost, LogDriver, RetryOptions } from "./driver.ts";

export interface OpenDriver {
  readonly driver: LogDriver;
  readonly retries: RetryOptions;
}

/** Connects to a container's receiver. Each driver is loaded when it is first used. @throws {Fault} `unavailable` with dockerd's texts */
export async function openDriver(
  type: RemoteDriver,
  info: LogInfo,
  host: DriverHost,
  signal: AbortSignal,
): Promise<OpenDriver> {
  switch (type) {
    case "syslog": {
      const { openSyslog } = await import("./syslog.ts");
      return { driver: await openSyslog(info, host, signal), retries: {} };
    }
    case "journald": {
      const { openJournald } = await import("./journald.ts");
      return { driver: await openJournald(info), retries: {} };
    }
    case "gelf": {
      const { gelfRetries, openGelf } = await import("./gelf.ts");
      return { driver: await openGelf(info, host, signal), retries: gelfRetries(info) };
    }
    case "fluentd": {
      const { fluentdRetries, openFluentd } = await import("./fluentd.ts");
      return { driver: await openFluentd(info, signal), retries: fluentdRetries(info) };
    }
    default:
      return type satisfies never;
  }
}
