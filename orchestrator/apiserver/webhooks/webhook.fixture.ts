import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { issueCertificate } from "#host/x509/certificate.ts";

export interface Asked {
  readonly uid: string;
  readonly operation: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly userInfo: { readonly username: string };
  readonly dryRun: boolean;
  readonly options: { readonly kind: string };
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into objects of any shape
  readonly object: any;
  readonly oldObject: { readonly kind: string } | null;
}

type Answer = Readonly<Record<string, unknown>>;

export interface Hook extends AsyncDisposable {
  /** Of its path `/check`; any other path is answered too. */
  readonly url: string;
  readonly caBundle: string;
  readonly asked: Asked[];
}

/** A webhook for reviews of any kind, of its own, with a certificate it has signed itself. */
export async function openHook(answer: (asked: Asked, path: string) => Answer | undefined): Promise<Hook> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const day = 86_400_000;
  const cert = issueCertificate(
    {
      subject: { commonName: "webhook", organizations: [] },
      publicKey,
      usages: ["digital signature", "cert sign", "server auth"],
      names: ["127.0.0.1", "hook.default.svc"],
      notBefore: new Date(Date.now() - day),
      notAfter: new Date(Date.now() + day),
      isAuthority: true,
    },
    privateKey,
  );
  const asked: Asked[] = [];
  const server = createServer(
    { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }) },
    (request, response) => {
      void text(request).then((body) => {
        const { request: own, ...review } = JSON.parse(body) as { readonly request: Asked };
        asked.push(own);
        const verdict = answer(own, (request.url ?? "").split("?")[0] ?? "");
        if (verdict === undefined) return;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ ...review, response: { uid: own.uid, ...verdict } }));
      });
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/check`,
    caBundle: Buffer.from(cert).toString("base64"),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
