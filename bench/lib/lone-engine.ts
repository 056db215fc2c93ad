import type { Clock } from "@holdfast/core";
import { findNatsServer, type ManagedEngine, startManagedEngine } from "@holdfast/engine";
import { createAuthorityKey, createLeafRequest, issueCertificate } from "@holdfast/security";

const cluster = "hf-bench";
const node = "bench";
const host = "127.0.0.1";

/** The engine of a node, without the node. */
export async function startLoneEngine(home: string): Promise<ManagedEngine> {
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    schedule: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    soon: (run) => void setImmediate(run),
  };
  const authority = await createAuthorityKey(cluster, clock);
  const certified = async (kind: "node" | "engine" | "operator") => {
    const { csrPem, privateKeyPem } = await createLeafRequest();
    const subject = { kind, cluster, node, hosts: [host] };
    return { cert: await issueCertificate(authority, csrPem, subject, clock), key: privateKeyPem };
  };
  return startManagedEngine({
    server: await findNatsServer(process.env),
    home,
    report: (error, where) => console.error(`${where}: ${error.message}`),
    host,
    cluster,
    node,
    role: "founder",
    credentials: {
      ca: authority.certificatePem,
      node: await certified("node"),
      engine: await certified("engine"),
      operator: await certified("operator"),
    },
  });
}
