export type {
  AuthorityPhase,
  AuthorityState,
} from "./authority/authority-state.ts";
export {
  type Authority,
  type AuthorityDependencies,
  type CertificateRequest,
  type IssuedCertificate,
  openAuthority,
} from "./authority/open-authority.ts";
export { watchAuthority } from "./authority/watch-authority.ts";
export { type AuthorityKey, createAuthorityKey } from "./certificates/authority-key.ts";
export {
  type CertificateIdentity,
  type CertificateKind,
  parseSpiffeId,
  spiffeId,
} from "./certificates/identity.ts";
export {
  type CertificateSubject,
  checkCertifiable,
  issueCertificate,
} from "./certificates/issue-certificate.ts";
export {
  createLeafRequest,
  type LeafRequest,
  requestedKeyHash,
} from "./certificates/leaf-request.ts";
export {
  type CertificateFacts,
  certificateFingerprint,
  readCertificate,
} from "./certificates/read-certificate.ts";
export { isProvenAnswer, type JoinProof, proveJoin } from "./join-proof.ts";
export { type JoinToken, parseJoinToken } from "./join-token-text.ts";
export {
  type AuthenticatedJoin,
  type CreatedJoinToken,
  createJoinTokens,
  type Joining,
  type JoinTokenInfo,
  type JoinTokens,
  type JoinTokensDependencies,
  type NewJoinToken,
  type RedeemedJoinToken,
} from "./join-tokens.ts";
export {
  checkIssued,
  type ClientTls,
  clientTlsOptions,
  peerChain,
  type Pin,
  pinnedFetchCheck,
  type ServerTls,
  serverTlsOptions,
  type TlsIdentity,
} from "./tls.ts";
export { createTokens } from "./tokens.ts";
export type {
  CreatedToken,
  NewToken,
  TokenRecord,
  Tokens,
  TokensDependencies,
} from "./tokens.ts";
