import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestCertificate } from "./certificates.ts";

const run = promisify(execFile);
const startTries = 200;
const startPauseMs = 25;

export interface Dovecot {
  /** With TLS from the first byte, and with STARTTLS or none. */
  readonly tlsPort: number;
  readonly plainPort: number;
  readonly inbox: string;
  setPassword(password: string): Promise<void>;
  /** Puts a mail into the mailbox as a delivery agent does; the result is the beginning of its file's name. */
  deliver(name: string, source: string | Buffer): Promise<void>;
  /** The mails marked as read, by the beginnings of their files' names. */
  seen(): Promise<readonly string[]>;
  /** Ends all sessions. */
  kick(): Promise<void>;
  /** Numbers the mailbox anew. */
  renumber(uidValidity: number): Promise<void>;
  close(): Promise<void>;
}

/** The real server, as a child with a configuration and a mailbox of its own in `folder`. */
export async function startDovecot(
  folder: string,
  user: string,
  password: string,
  certificate: TestCertificate,
  hasIdle: boolean,
): Promise<Dovecot> {
  const inbox = join(folder, "mail");
  for (const name of ["", "tmp", "new", "cur"]) {
    await mkdir(join(inbox, name), { recursive: true });
    // The server's processes may run as another user.
    await chmod(join(inbox, name), 0o777);
  }
  await chmod(folder, 0o755);
  const [tlsPort, plainPort] = await freePorts(2);
  if (tlsPort === undefined || plainPort === undefined) throw new Error("No port is free.");
  const config = join(folder, "dovecot.conf");
  const users = join(folder, "users");
  const setPassword = async (value: string) => {
    await writeFile(`${users}.new`, `${user}:{PLAIN}${value}\n`, { mode: 0o644 });
    await rename(`${users}.new`, users);
  };
  await setPassword(password);
  await writeFile(
    config,
    configuration(folder, inbox, users, tlsPort, plainPort, certificate, hasIdle),
  );
  const child = spawn("dovecot", ["-F", "-c", config], { stdio: ["ignore", "pipe", "pipe"] });
  const endWithProcess = () => child.kill("SIGTERM");
  process.once("exit", endWithProcess);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));
  await waitUntilOpen(tlsPort, () => {
    if (failure !== undefined) {
      return `dovecot cannot be started (Debian's package is dovecot-imapd): ${failure.message}`;
    }
    return child.exitCode === null ? undefined : `dovecot ended: ${said}`;
  });
  const doveadm = (...words: string[]) => run("doveadm", ["-c", config, ...words]);

  return {
    tlsPort,
    plainPort,
    inbox,
    setPassword,
    async deliver(name, source) {
      const file = join(inbox, "tmp", name);
      await writeFile(file, source);
      await chmod(file, 0o666);
      await rename(file, join(inbox, "new", name));
    },
    async seen() {
      const names = await readdir(join(inbox, "cur"));
      return names.flatMap((name) => {
        const [unique = "", flags = ""] = name.split(":2,");
        return flags.includes("S") ? [unique.split(",", 1)[0] ?? unique] : [];
      });
    },
    async kick() {
      // It fails when nobody is logged in.
      await doveadm("kick", user).catch(() => {});
    },
    async renumber(uidValidity) {
      await doveadm("kick", user).catch(() => {});
      await doveadm(
        "mailbox",
        "update",
        "-u",
        user,
        "--uid-validity",
        String(uidValidity),
        "INBOX",
      );
    },
    async close() {
      process.removeListener("exit", endWithProcess);
      await end(child);
      await rm(inbox, { recursive: true, force: true });
    },
  };
}

function configuration(
  folder: string,
  inbox: string,
  users: string,
  tlsPort: number,
  plainPort: number,
  certificate: TestCertificate,
  hasIdle: boolean,
): string {
  // As root the mailbox is read by an ordinary user; else everything runs as the one who started it.
  const isRoot = userInfo().uid === 0;
  const { uid, gid } = isRoot ? { uid: 65_534, gid: 65_534 } : userInfo();
  const ownUser = isRoot
    ? ""
    : `default_internal_user = ${userInfo().username}\ndefault_login_user = ${userInfo().username}\n`;
  return `base_dir = ${join(folder, "run")}
log_path = ${join(folder, "dovecot.log")}
protocols = imap
${ownUser}ssl = yes
ssl_cert = <${certificate.certFile}
ssl_key = <${certificate.keyFile}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:${inbox}
mailbox_idle_check_interval = 1s
mail_max_userip_connections = 100
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${inbox}
}
namespace inbox {
  inbox = yes
}
${hasIdle ? "" : "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS"}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = ${plainPort}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${tlsPort}
    ssl = yes
  }
}
# A wrong password does not make the next login wait.
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
`;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function waitUntilOpen(port: number, trouble: () => string | undefined): Promise<void> {
  for (let tries = 0; tries < startTries; tries += 1) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return;
    const said = trouble();
    if (said !== undefined) throw new Error(said);
    await new Promise((resolve) => setTimeout(resolve, startPauseMs));
  }
  throw new Error("dovecot did not open its port.");
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}
