import { kubeClient, type KubeClient } from "#client/kube/kube-client.ts";
import type { Transport } from "#client/transport.ts";
import { type Command, type Context, defineCommand } from "../context.ts";
import { type FlagTable, type FlagValues, text } from "../flags.ts";
import { Exit } from "../failure.ts";
import { Discovery } from "./discovery.ts";
import { describeKubeFailure, KubeFailure } from "./failure.ts";
import { type ClusterAccess, readAccess } from "./kubeconfig.ts";

/** Flags of every command that speaks to a cluster. */
const sessionFlags = {
  namespace: text("NAMESPACE", "Where the objects are (default: the context's, or default)", "n"),
  kubeconfig: text("FILE", "How to reach the cluster (default: $KUBECONFIG, or this machine's)", undefined, {
    complete: "file",
  }),
  context: text("NAME", "Context of the kubeconfig"),
  server: text("URL", "Address of the API", "s"),
  token: text("TOKEN", "Bearer token to log in with"),
} as const satisfies FlagTable;

/** What a command has of its cluster. */
export interface Kube extends KubeClient {
  readonly transport: Transport;
  /** Of who asks; for what does not go through `requests`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** Whether the namespace was asked for, and is not only the usual one. */
  readonly isNamespaceGiven: boolean;
  /** Read once. */
  readonly discovery: () => Promise<Discovery>;
}

export type SessionValues = FlagValues<typeof sessionFlags>;

interface KubeCommand<T extends FlagTable> extends Omit<Command<T>, "run" | "exitCodes"> {
  run(
    context: Context & { readonly kube: Kube },
    values: FlagValues<T>,
    operands: readonly string[],
    given: ReadonlySet<string>,
  ): Promise<number>;
}

/** A command of kubectl's: it gets a cluster to speak to, and its failures are told as kubectl does. */
export function defineKubeCommand<const T extends FlagTable>(command: KubeCommand<T>): Command {
  const flags = { ...sessionFlags, ...command.flags };
  return defineCommand<typeof flags>({
    ...command,
    flags,
    asksNobody: true,
    exitCodes: [[1, "the server refused, or something failed"]],
    async run(context, values, operands, given) {
      try {
        await using kube = await openKube(context, values as unknown as SessionValues);
        return await command.run({ ...context, kube }, values as unknown as FlagValues<T>, operands, given);
      } catch (error) {
        if (context.signal.aborted || error instanceof Exit) throw error;
        throw new KubeFailure(describeKubeFailure(error));
      }
    },
  });
}

/** @throws {KubeFailure} */
export async function openKube(context: Context, values: SessionValues): Promise<Kube & AsyncDisposable> {
  const access = await readAccess(context, values);
  const headers: Record<string, string> =
    access.token === undefined ? {} : { Authorization: `Bearer ${access.token}` };
  const transport = await openTransport(access);
  const client = kubeClient(transport, {
    userAgent: "gantry",
    headers: () => headers,
    warn: (message) => context.err.write(`Warning: ${message}\n`),
  });
  let discovery: Promise<Discovery> | undefined;
  return {
    ...client,
    transport,
    headers,
    namespace: values.namespace ?? access.namespace,
    isNamespaceGiven: values.namespace !== undefined,
    discovery: () => (discovery ??= Discovery.read(client.requests, context.signal)),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

async function openTransport({
  server,
  authority,
  client,
}: ClusterAccess): Promise<Transport & AsyncDisposable> {
  if (server.protocol !== "https:")
    throw new KubeFailure(
      `The connection to the server ${server.host} was refused - did you specify the right host or port?`,
    );
  const { httpsTransport } = await import("#rpc/https-transport.ts");
  const transport = httpsTransport({
    host: server.hostname.replace(/^\[|\]$/g, ""),
    port: Number(server.port || 443),
    ...(authority !== undefined && { ca: authority }),
    credentials: () => client,
  });
  const prefix = server.pathname.replace(/\/$/, "");
  if (prefix === "") return transport;
  return {
    send: (request, signal) => transport.send({ ...request, path: prefix + request.path }, signal),
    hijack: (request, signal) => transport.hijack({ ...request, path: prefix + request.path }, signal),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}
