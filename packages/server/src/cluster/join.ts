import {
  type Clock,
  errorCatalog,
  type ErrorCode,
  HoldfastError,
  limits,
  type NodeRole,
  toHoldfastError,
} from "@holdfast/core";
import { certificateFingerprint, parseJoinToken, proveJoin } from "@holdfast/security";
import type { ClusterFile, ClusterHome } from "./cluster-home.ts";
import { createLeafRequests, textsOf } from "./found-cluster.ts";
import type { IssuedIdentity, NodeIdentity } from "./identity.ts";
import { checkCertificates, checkJoinAnswer, type HeardAnswer } from "./join-answer.ts";
import { provenText } from "./join-proof.ts";
import {
  type JoinAnswer,
  joinAnswerSchema,
  joinPath,
  type JoinRequest,
  refusalSchema,
  renewPath,
} from "./join-protocol.ts";
import { type Pin, postPinned } from "./pinned-request.ts";

/** What a node tells of itself when it joins. */
export type JoiningNode = Omit<JoinRequest, "proof" | "cluster" | "role" | "now" | "requests">;

export interface JoinDependencies {
  readonly clock: Clock;
  readonly say: (text: string) => void;
}

export interface Join extends JoinDependencies {
  readonly token: string;
  readonly role?: NodeRole;
  readonly node: JoiningNode;
  /** Addresses to try, in this order. */
  readonly urls: AsyncIterable<string>;
}

/** Whether a home may join with this token. Errors: `home_of_other_cluster`, `join_token_invalid`. */
export function memberOf(home: ClusterHome, token: string): ClusterFile | undefined {
  const { cluster } = parseJoinToken(token);
  const member = home.readCluster();
  if (member?.cluster === cluster) return member;
  if (member || home.holdsData) {
    const whose = member ? `of cluster ${member.cluster}` : "of a node that ran alone";
    const problem = `${home.path} holds the data ${whose}; the token is for cluster ${cluster}.`;
    throw new HoldfastError("home_of_other_cluster", problem);
  }
  return undefined;
}

/**
 * Makes the home that of a member. The keys are on disk, with room for the rest, before anything is
 * sent, and the home belongs to the cluster with the last write: after a crash in between the same keys
 * join again, with a new token if the old one has expired. Errors: those of the store node (see
 * `JoinService`), `home_of_other_cluster`, `discovery_failed`, `node_unreachable`, `storage_full`,
 * `home_unusable`.
 */
export async function joinCluster(home: ClusterHome, join: Join): Promise<ClusterFile> {
  const { clock, node, role, token } = join;
  const member = memberOf(home, token);
  if (member) return member;
  const held = parseJoinToken(token);
  const { cluster, fingerprint } = held;
  const requests = home.readPending() ?? (await createLeafRequests());
  home.writePending(requests);
  const body = (): JoinRequest => {
    const now = clock.now();
    const request = { ...node, cluster, ...(role && { role }), now, requests: textsOf(requests) };
    const mac = proveJoin(held, provenText(request));
    return { ...request, proof: { id: held.id, mac } };
  };
  const answer = await ask(join.urls, {
    body,
    check: (heard) => checkJoinAnswer(heard, held, requests),
    pin: { cluster, fingerprint, clock },
    say: join.say,
  });
  home.releaseReserve();
  home.writeIdentity({ requests, ...issuedOf(answer) });
  const file = fileOf(node, answer);
  home.writeCluster(file);
  home.removePending();
  return file;
}

/**
 * New certificates for a member, for the keys and hosts that it joined with. Needs no engine: it also
 * works when the old ones have ended. Whom to trust stays as it is: only the engine tells, as any node of
 * the cluster may answer here. Errors: as `joinCluster`, `node_removed`.
 */
export async function askForCertificates(
  { cluster, urls }: Pick<ClusterFile, "cluster" | "urls">,
  identity: Pick<NodeIdentity, "requests" | "bundle" | "generation" | "hosts">,
  node: JoiningNode,
  { clock, say }: JoinDependencies,
): Promise<IssuedIdentity> {
  const { requests, hosts } = identity;
  const trusted = () => identity.bundle.map((pem) => certificateFingerprint(pem));
  const askPinned = async (fingerprint: string): Promise<IssuedIdentity> => {
    const answer = await ask(urls, {
      body: () => ({
        ...node,
        hosts: [...hosts],
        cluster,
        now: clock.now(),
        requests: textsOf(requests),
      }),
      check: (heard) => checkCertificates(heard.answer, node.node, requests, trusted()),
      pin: { cluster, fingerprint, clock },
      say,
    }).catch((thrown: unknown) => {
      throw removalOf(node.node, cluster, thrown);
    });
    const { bundle, generation } = identity;
    return { ...issuedOf(answer), bundle: [...bundle], generation };
  };
  // While the authority's key changes, the others may show certificates of the new one already.
  const pins = trusted();
  for (const fingerprint of pins.slice(0, -1)) {
    try {
      return await askPinned(fingerprint);
    } catch (thrown) {
      if (!isOfThisAddress(toHoldfastError(thrown))) throw thrown;
    }
  }
  return askPinned(pins.at(-1) ?? "");
}

/** That a cluster does not know the keys of a member means that it removed it. */
function removalOf(node: string, cluster: string, thrown: unknown): HoldfastError {
  const error = toHoldfastError(thrown);
  if (error.code !== "join_token_invalid") return error;
  const problem = `Node ${node} was removed from cluster ${cluster}: its keys open nothing any more.`;
  return new HoldfastError("node_removed", problem, { cause: error });
}

interface Asking {
  readonly body: () => JoinRequest;
  /** Throws when the answer is not to be believed. */
  readonly check: (heard: HeardAnswer) => void;
  readonly pin: Pin;
  readonly say: (text: string) => void;
}

async function ask(
  urls: AsyncIterable<string> | Iterable<string>,
  asking: Asking,
): Promise<JoinAnswer> {
  const { pin, say } = asking;
  const failures: HoldfastError[] = [];
  for await (const url of urls) {
    try {
      say(`asking ${url}`);
      return await askOne(url, asking);
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      // What a node of the cluster decided the next one would decide too.
      if (!isOfThisAddress(error)) throw error;
      failures.push(error);
      say(error.message);
    }
  }
  const [first] = failures;
  const tried = failures.map(({ message }) => message).join(" ") || "No address is known.";
  throw new HoldfastError(
    first && failures.every(({ code }) => code === first.code) ? first.code : "discovery_failed",
    `No node of cluster ${pin.cluster} could be asked. ${tried}`,
  );
}

/** What another address may do better. */
function isOfThisAddress({ code, retry }: HoldfastError): boolean {
  return code === "node_unreachable" || code === "certificate_invalid" || retry !== "never";
}

async function askOne(url: string, { body, check, pin }: Asking): Promise<JoinAnswer> {
  const request = body();
  const path = request.proof ? joinPath : renewPath;
  let at = new URL(path, url);
  for (let redirects = 0; ; redirects += 1) {
    const answer = await postPinned(at, request, pin, limits.joinTimeoutMs);
    if (answer.status === 307 && answer.location && redirects < limits.joinRedirects) {
      const next = URL.parse(answer.location, at.href);
      if (!next || next.pathname !== path) throw noNode(at, "it leads elsewhere");
      at = next;
      continue;
    }
    const value = parsed(answer.body);
    if (answer.status !== 200) throw refusal(at, answer.status, value);
    const result = joinAnswerSchema.safeParse(value);
    if (!result.success) throw noNode(at, "its answer cannot be understood");
    const { cluster } = result.data;
    if (cluster !== pin.cluster) throw noNode(at, `it is of cluster ${cluster}`);
    check({ answer: result.data, whole: value as object, request });
    return result.data;
  }
}

function refusal(at: URL, status: number, value: unknown): HoldfastError {
  const result = refusalSchema.safeParse(value);
  const code = result.data?.error.code ?? "";
  if (!result.success || !(code in errorCatalog)) {
    return noNode(at, `it answers with status ${status}`);
  }
  const { message, details } = result.data.error;
  return new HoldfastError(code as ErrorCode, message, { details });
}

function noNode(at: URL, why: string): HoldfastError {
  const problem = `What answers at ${at.origin} lets no node in: ${why}.`;
  return new HoldfastError("node_unreachable", problem);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function issuedOf(answer: JoinAnswer): IssuedIdentity {
  const { certificates, reserve, authority, bundle, generation } = answer;
  return { certificates, ...(reserve && { reserve }), authority, bundle, generation };
}

function fileOf({ node, engine }: JoiningNode, answer: JoinAnswer): ClusterFile {
  const { cluster, role, partitions, engines, urls } = answer;
  const own = role === "store" ? { engine } : {};
  return { cluster, node, role, isFounder: false, partitions, ...own, engines, urls };
}
