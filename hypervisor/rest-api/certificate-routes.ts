import type { WebCertificate, WebCertificates } from "#hypervisor/access/web-certificate.ts";
import { result, type Route } from "./route.ts";

/** Sets the certificate that the API is served with: new connections get it before the answer is out. */
export function certificateRoutes(deps: {
  readonly certificates: WebCertificates;
  readonly changed: () => void;
}): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/rest/v1/Certificate",
      needs: "cluster-settings",
      body: {
        kind: "json",
        shape: {
          members: {
            certificate: { type: "string", isRequired: true },
            privateKey: { type: "string", isRequired: true },
          },
        },
      },
      handle: ({ body }) => {
        deps.certificates.set(body as unknown as WebCertificate);
        deps.changed();
        return result("");
      },
    },
  ];
}
