import type { AlertEmailTarget, AlertSMTPConfig } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { type Mail, type MailServer, sendMail } from "#hypervisor/alerts/send-mail.ts";
import type { RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";
import { result, type Route } from "./route.ts";

/** Sends a mail to a target, so that somebody sees whether alerts would come. */
export function alertRoutes(records: RecordStore): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/rest/v1/AlertEmailTarget/{uuid}/test",
      needs: "cluster-settings",
      body: { kind: "json", shape: { members: {} }, isOptional: true },
      handle: async ({ params, signal }) => {
        const uuid = params["uuid"] ?? "";
        const target = records.find<AlertEmailTarget & StoredRecord>("AlertEmailTarget", uuid);
        if (target === undefined) throw new Fault("not-found", `There is no AlertEmailTarget ${uuid}`);
        const { emailAddress: to } = target;
        try {
          const { server, from } = senderOf(records);
          await sendMail(server, { ...testMail, from, to }, signal);
        } catch (error) {
          // Clients know this text.
          const text = `There was an error sending alert to ${to}. Please verify your alert settings.`;
          throw new Fault("invalid", text, { cause: error });
        }
        return result("");
      },
    },
  ];
}

const testMail: Omit<Mail, "from" | "to"> = {
  subject: "Test of alerts",
  text: "This is a test that somebody has asked for: alerts of this host come to this address.",
};

function senderOf(records: RecordStore): { readonly server: MailServer; readonly from: string } {
  const config = records.find<AlertSMTPConfig & StoredRecord>("AlertSMTPConfig", "smtpconfig_guid");
  if (config === undefined || config.smtpServer === "")
    throw new Fault("precondition", "No SMTP server is set");
  const { smtpServer: host, port, useSSL, authUser: user, authPassword: password, fromAddress } = config;
  return { server: { host, port, useSSL, user, password }, from: fromAddress };
}
