import { type Clock, HoldfastError, limits } from "@holdfast/core";
import {
  certificateFingerprint,
  type CertificateKind,
  readCertificate,
  type TlsIdentity,
} from "@holdfast/security";
import type { ClusterHome, IdentityFile, LeafRequests } from "./cluster-home.ts";

/** New certificates for the node's keys, and whom to trust. */
export type IssuedIdentity = Omit<IdentityFile, "requests">;

/** PEM texts; a certificate is followed by its authority's. */
interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

/** What the engine of a store node works with. */
export interface StoreCredentials {
  readonly ca: string;
  readonly engine: CertifiedKey;
  readonly node: CertifiedKey;
  readonly operator: CertifiedKey;
}

/** The node's own certificates: in memory, and in its home folder. */
export class NodeIdentity {
  readonly #home: ClusterHome;
  readonly #clock: Clock;
  #file: IdentityFile;

  private constructor(home: ClusterHome, clock: Clock, file: IdentityFile) {
    this.#home = home;
    this.#clock = clock;
    this.#file = file;
  }

  /** Errors: those of `ClusterHome`; `data_corrupt` also when the file is gone. */
  static load(home: ClusterHome, clock: Clock): NodeIdentity {
    const file = home.readIdentity();
    if (file) return new NodeIdentity(home, clock, file);
    const problem = `${home.path} belongs to a cluster, but its identity.json is gone.`;
    throw new HoldfastError("data_corrupt", problem);
  }

  get requests(): LeafRequests {
    return this.#file.requests;
  }

  get bundle(): readonly string[] {
    return this.#file.bundle;
  }

  /** Of the authority's state that this identity knows. */
  get generation(): number {
    return this.#file.generation;
  }

  /** SHA-256 of the authority that signed. */
  get authorityFingerprint(): string {
    return certificateFingerprint(this.#file.authority);
  }

  /** Hosts that the node's certificate names. */
  get hosts(): readonly string[] {
    return readCertificate(this.#file.certificates.node).hosts;
  }

  /** False when only `reserve` certificates are left, or none: then nothing else should wait. */
  get isCurrent(): boolean {
    return isValid(this.#file.certificates.node, this.#clock.now());
  }

  /** False when no certificate can be used: the node must be let in anew. */
  get isUsable(): boolean {
    const now = this.#clock.now();
    const { certificates, reserve } = this.#file;
    return isValid(certificates.node, now) || (reserve !== undefined && isValid(reserve.node, now));
  }

  /** Milliseconds since 1970 at which half of the certificates' life is over. */
  get renewAt(): number {
    const { notBefore, notAfter } = readCertificate(this.#file.certificates.node);
    const begin = notBefore + limits.certificateBackdateMs;
    return begin + Math.max(0, notAfter - begin) / 2;
  }

  /** For `serverTlsOptions` and `clientTlsOptions`; undefined for a kind that the node has not. */
  tls(kind: CertificateKind): TlsIdentity | undefined {
    const { authority, requests } = this.#file;
    const certificatePem = this.#chosen[kind];
    if (certificatePem === undefined) return undefined;
    return {
      certificatePem,
      authorityPem: authority,
      privateKeyPem: requests[kind].privateKeyPem,
    };
  }

  /** For the node as a client of engines. */
  get clientCredentials(): { readonly ca: string } & CertifiedKey {
    return { ca: this.#file.bundle.join(""), ...this.#certified("node") };
  }

  /** For the engine of a store node. */
  get storeCredentials(): StoreCredentials {
    return {
      ca: this.#file.bundle.join(""),
      engine: this.#certified("engine"),
      node: this.#certified("node"),
      operator: this.#certified("operator"),
    };
  }

  /** Takes what was issued: on disk first. Errors: those of `ClusterHome`. */
  replace(issued: IssuedIdentity): void {
    const { requests, bundle, generation } = this.#file;
    // The list of trusted authorities may have changed while they were issued.
    const newer = generation > issued.generation && { bundle, generation };
    this.#take({ requests, ...issued, ...newer });
  }

  /** Takes a newer list of trusted authorities; false when it is not newer. Errors: as above. */
  trust(bundle: readonly string[], generation: number): boolean {
    if (generation <= this.#file.generation) return false;
    this.#take({ ...this.#file, bundle: [...bundle], generation });
    return true;
  }

  #take(file: IdentityFile): void {
    this.#home.writeIdentity(file);
    this.#file = file;
  }

  get #chosen(): Partial<Record<CertificateKind, string | undefined>> {
    const { certificates, reserve } = this.#file;
    return reserve && !this.isCurrent ? reserve : certificates;
  }

  #certified(kind: CertificateKind): CertifiedKey {
    const identity = this.tls(kind);
    if (!identity) {
      throw new HoldfastError("data_corrupt", `This node has no certificate as ${kind}.`);
    }
    const { certificatePem, authorityPem, privateKeyPem } = identity;
    return { cert: certificatePem + authorityPem, key: privateKeyPem };
  }
}

function isValid(pem: string, now: number): boolean {
  const { notBefore, notAfter } = readCertificate(pem);
  return notBefore <= now && now < notAfter;
}
