import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIP } from "node:net";

/** What the server answers to one question; a Buffer is sent as it stands, `silence` not at all. */
export type Answer = readonly Entry[] | "silence" | "nxdomain" | "servfail" | "refused" | Buffer;

export type Entry =
  | { readonly srv: readonly [priority: number, weight: number, port: number, target: string] }
  | { readonly ip: string };

export interface DnsServer {
  /** `127.0.0.1:port`, for `Resolver.setServers`. */
  readonly address: string;
  /** Names that were asked for, as `SRV name`. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

const types: Record<number, string> = { 1: "A", 28: "AAAA", 33: "SRV" };
const codes = { nxdomain: 3, servfail: 2, refused: 5 } as const;

/** A DNS server over UDP that knows these questions, written as `SRV name`; others have no such name. */
export async function startDnsServer(zone: Readonly<Record<string, Answer>>): Promise<DnsServer> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, from) => {
    const { name, type, end } = questionOf(query);
    asked.push(`${type} ${name}`);
    const answer = zone[`${type} ${name}`] ?? "nxdomain";
    if (answer === "silence") return;
    const reply = Buffer.isBuffer(answer)
      ? Buffer.concat([query.subarray(0, 2), answer])
      : replyTo(query.subarray(0, end), answer);
    socket.send(reply, from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    async close() {
      socket.close();
      await once(socket, "close");
    },
  };
}

function questionOf(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const name = labels.join(".").toLowerCase();
  return { name, type: types[query.readUInt16BE(at + 1)] ?? "?", end: at + 5 };
}

function replyTo(query: Buffer, answer: readonly Entry[] | keyof typeof codes): Buffer {
  const entries = typeof answer === "string" ? [] : answer;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8580 | (typeof answer === "string" ? codes[answer] : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(entries.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, query.subarray(12), ...entries.map(record)]);
}

function record(entry: Entry): Buffer {
  const data = "srv" in entry ? service(entry.srv) : address(entry.ip);
  const type = "srv" in entry ? 33 : data.length === 4 ? 1 : 28;
  const head = Buffer.alloc(12);
  // The name of the question, which stands right after the header.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(30, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function service([priority, weight, port, target]: readonly [number, number, number, string]) {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(priority, 0);
  head.writeUInt16BE(weight, 2);
  head.writeUInt16BE(port, 4);
  const labels = target.split(".").filter((label) => label !== "");
  const name = labels.flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.concat([head, Buffer.from([...name, 0])]);
}

/** IPv6 addresses are written out in full here. */
function address(ip: string): Buffer {
  if (isIP(ip) === 4) return Buffer.from(ip.split(".").map(Number));
  return Buffer.from(
    ip.split(":").flatMap((part) => [...Buffer.from(part.padStart(4, "0"), "hex")]),
  );
}
