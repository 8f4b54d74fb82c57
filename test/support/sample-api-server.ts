import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { issueCertificate } from "#host/x509/certificate.ts";
import type { Loose } from "./rest.ts";

const group = "wardle.example.com";
const version = "v1alpha1";
const root = `/apis/${group}/${version}`;

/** Who asked, as the API server in front of us says. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly user: string;
  readonly groups: string;
}

/** An API server of one kind, Flunder, as somebody would add it with an APIService: it knows its users by their front proxy alone. */
export class SampleApiServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #flunders = new Map<string, Loose>();
  readonly #watchers = new Set<ServerResponse>();
  #revision = 0;
  readonly caBundle: string;
  readonly asked: Asked[] = [];
  isBroken = false;

  /** @param frontProxyAuthority whose certificates it takes names from, PEM */
  static async start(
    address: string,
    serverName: string,
    frontProxyAuthority: string,
  ): Promise<SampleApiServer> {
    const started = new SampleApiServer(serverName, frontProxyAuthority);
    started.#server.listen(0, address);
    await once(started.#server, "listening");
    return started;
  }

  private constructor(serverName: string, ca: string) {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const day = 86_400_000;
    const cert = issueCertificate(
      {
        subject: { commonName: "sample", organizations: [] },
        publicKey,
        usages: ["digital signature", "cert sign", "server auth"],
        names: [serverName],
        notBefore: new Date(Date.now() - day),
        notAfter: new Date(Date.now() + day),
        isAuthority: true,
      },
      privateKey,
    );
    this.caBundle = Buffer.from(cert).toString("base64");
    const key = privateKey.export({ type: "pkcs8", format: "pem" });
    const options = { cert, key, ca, requestCert: true, rejectUnauthorized: true };
    this.#server = createServer(options, (request, response) => void this.#answer(request, response));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    const { pathname, searchParams } = new URL(url, "https://sample");
    const [user, groups] = [headers["x-remote-user"], headers["x-remote-group"]].map(String);
    this.asked.push({ method, path: pathname, user: user ?? "", groups: groups ?? "" });
    const send = (status: number, body: Loose) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (this.isBroken) return send(500, {});
    if (pathname === root) return send(200, discovery);
    if (pathname === `/openapi/v3${root}`)
      return send(200, { openapi: "3.0.0", info: { title: "sample" }, paths: {} });
    const [, name] = /\/namespaces\/default\/flunders(?:\/([^/]+))?$/.exec(pathname) ?? ["", "?"];
    if (name === "?") return send(404, status(404, "NotFound"));
    if (name === "moved") return void response.writeHead(302, { location: "https://example.com/" }).end();
    if (searchParams.get("watch") !== null) return this.#follow(response);
    if (method === "POST") return send(201, this.#make(JSON.parse(await text(request)) as Loose));
    if (name === undefined) return send(200, this.#list());
    const found = this.#flunders.get(name);
    if (found === undefined) return send(404, status(404, "NotFound"));
    if (method === "DELETE") this.#remove(name, found);
    return send(200, found);
  }

  #make(object: Loose): Loose {
    const metadata = {
      ...object["metadata"],
      namespace: "default",
      uid: "1",
      resourceVersion: `${++this.#revision}`,
    };
    const made = { ...object, metadata };
    this.#flunders.set(metadata.name, made);
    this.#tell("ADDED", made);
    return made;
  }

  #remove(name: string, object: Loose): void {
    this.#flunders.delete(name);
    this.#revision++;
    this.#tell("DELETED", object);
  }

  #list(): Loose {
    const metadata = { resourceVersion: `${this.#revision}` };
    return {
      apiVersion: `${group}/${version}`,
      kind: "FlunderList",
      metadata,
      items: [...this.#flunders.values()],
    };
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    this.#watchers.add(response);
    response.once("close", () => this.#watchers.delete(response));
  }

  #tell(type: string, object: Loose): void {
    for (const each of this.#watchers) each.write(`${JSON.stringify({ type, object })}\n`);
  }
}

const status = (code: number, reason: string) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
});

const discovery = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: `${group}/${version}`,
  resources: [
    {
      name: "flunders",
      singularName: "flunder",
      namespaced: true,
      kind: "Flunder",
      verbs: ["create", "delete", "get", "list", "watch"],
    },
  ],
};
