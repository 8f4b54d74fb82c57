import process from "node:process";

const proxied = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGALRM",
] as const satisfies readonly NodeJS.Signals[];

/** Hands the signals we get to `send`, by their name without SIG, until disposed of. */
export function proxySignals(send: (name: string) => Promise<unknown>): Disposable {
  const handlers = proxied.map((name) => {
    const handler = () => void send(name.slice("SIG".length)).catch(() => {});
    process.on(name, handler);
    return [name, handler] as const;
  });
  return {
    [Symbol.dispose]() {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
