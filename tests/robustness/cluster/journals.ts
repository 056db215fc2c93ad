import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connectEngine, inboxPrefixOf } from "@holdfast/engine";
import { checkJournal, type JournalResult } from "../validate/check-journal.ts";

interface IdentityFile {
  readonly requests: { readonly node: { readonly privateKeyPem: string } };
  readonly certificates: { readonly node: string };
  readonly authority: string;
  readonly bundle: readonly string[];
}

interface EnginePorts {
  readonly data: { readonly client: number };
}

/** The authorities that a node's home trusts, PEM. */
export function authoritiesOf(home: string): string {
  return identityOf(home).bundle.join("");
}

/**
 * Reads every journal straight from the engine, past the nodes, with the certificate of a store node, and
 * checks it.
 */
export async function checkJournals(
  store: { readonly name: string; readonly home: string; readonly host: string },
  partitions: number,
): Promise<JournalResult[]> {
  const { requests, certificates, authority, bundle } = identityOf(store.home);
  const ports = readJson<EnginePorts>(store.home, "engine/ports.json");
  const engine = await connectEngine({
    servers: [`${store.host}:${ports.data.client}`],
    tls: {
      ca: bundle.join(""),
      cert: certificates.node + authority,
      key: requests.node.privateKeyPem,
    },
    // The node itself listens to its own prefix; another one below it is allowed as well.
    inboxPrefix: `${inboxPrefixOf(store.name)}.check`,
    isReplicated: true,
    replicas: 3,
  });
  try {
    const results: JournalResult[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const name = `journal-${partition}`;
      const records: Uint8Array[] = [];
      for await (const { data } of engine.messageLog.read(name, 1)) records.push(data);
      results.push(checkJournal(name, records));
    }
    return results;
  } finally {
    await engine.close();
  }
}

function identityOf(home: string): IdentityFile {
  return readJson<IdentityFile>(home, "identity.json");
}

function readJson<Value>(home: string, file: string): Value {
  return JSON.parse(readFileSync(join(home, file), "utf8")) as Value;
}
