import { connect, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { Fault, messageOf } from "#base/fault.ts";

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte on; otherwise where the server offers it. */
  readonly useSSL: boolean;
  /** Empty: nobody logs in. */
  readonly user: string;
  readonly password: string;
}

export interface Mail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

const silentMs = 20_000;
const maxReplyBytes = 64 << 10;

/**
 * Sends a mail by SMTP. A password is sent by TLS alone.
 *
 * @throws {Fault} `remote` with what the server says, or that it does not answer
 * @see RFC 5321; RFC 3207 for STARTTLS; RFC 4954 and RFC 4616 for AUTH PLAIN
 */
export async function sendMail(server: MailServer, mail: Mail, signal: AbortSignal): Promise<void> {
  const { host, port, useSSL } = server;
  let talk = new Conversation(
    useSSL ? connectTls({ host, port, servername: host }) : connect({ host, port }),
  );
  const stop = () => talk.end(new Fault("remote", `${host} does not answer`));
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(silentMs)]);
  deadline.addEventListener("abort", stop, { once: true });
  try {
    await talk.expect(220);
    const offers = await talk.ask("EHLO gantry", 250);
    if (!useSSL && /^250[- ]STARTTLS/im.test(offers)) {
      await talk.ask("STARTTLS", 220);
      talk = new Conversation(connectTls({ socket: talk.release(), servername: host }));
      await talk.ask("EHLO gantry", 250);
    }
    if (server.user !== "") await talk.ask(`AUTH PLAIN ${secretOf(server, talk.isPrivate)}`, 235);
    await talk.ask(`MAIL FROM:<${address(mail.from)}>`, 250);
    await talk.ask(`RCPT TO:<${address(mail.to)}>`, 250);
    await talk.ask("DATA", 354);
    await talk.ask(`${textOf(mail)}\r\n.`, 250);
    await talk.ask("QUIT", 221).catch(() => {}); // the mail is on its way
  } finally {
    deadline.removeEventListener("abort", stop);
    talk.end();
  }
}

function secretOf({ user, password, host }: MailServer, isPrivate: boolean): string {
  if (!isPrivate) throw new Fault("remote", `${host} offers no TLS to send a password by`);
  return Buffer.from(`\0${user}\0${password}`).toString("base64");
}

/** Commands and replies, one after the other. */
class Conversation {
  readonly #socket: Socket;
  #text = "";
  #failure: Fault | undefined;
  #wake = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#take);
    socket.on("error", (error) => this.end(new Fault("remote", messageOf(error), { cause: error })));
    socket.once("close", () => this.end(new Fault("remote", "The server has closed the connection")));
  }

  get isPrivate(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  async ask(command: string, code: number): Promise<string> {
    this.#socket.write(`${command}\r\n`);
    return await this.expect(code);
  }

  /** All lines of a reply: the last has a space after its code. @throws {Fault} `remote` for one with another code */
  async expect(code: number): Promise<string> {
    while (!/^\d{3}(?: [^\n]*)?\r?\n$/m.test(this.#text)) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#text.length > maxReplyBytes) throw new Fault("remote", "The server says too much");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const reply = this.#text;
    this.#text = "";
    if (!reply.startsWith(String(code))) throw new Fault("remote", reply.trim());
    return reply;
  }

  /** The socket, for another conversation on it. */
  release(): Socket {
    this.#socket.off("data", this.#take);
    return this.#socket;
  }

  end(failure?: Fault): void {
    this.#failure ??= failure;
    this.#wake();
    this.#socket.destroySoon();
  }

  readonly #take = (chunk: Buffer): void => {
    this.#text += chunk.toString("latin1");
    this.#wake();
  };
}

/** A line end would begin another command. */
function address(text: string): string {
  if (/[\p{Cc}<>\s]/u.test(text)) throw new Fault("invalid", `Invalid e-mail address '${text}'`);
  return text;
}

function textOf({ from, to, subject, text }: Mail): string {
  const lines = [`From: ${from}`, `To: ${to}`, `Subject: ${subject}`, "MIME-Version: 1.0", ""];
  return [...lines, ...text.split("\n")]
    .map((line) => (line.startsWith(".") ? `.${line}` : line))
    .join("\r\n");
}
