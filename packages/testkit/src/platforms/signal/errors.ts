/** Errors of the daemon, as JSON-RPC gives them. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What became of a send to one person. */
export function sendResult(person: string, type: string, more: object = {}): object {
  return { recipientAddress: { uuid: person, number: null }, type, ...more };
}

const failure = (code: number, timestamp: number, result: object): RpcError => ({
  code,
  message: "Failed to send message",
  data: { response: { timestamp, results: [result] } },
});

export const rpcErrors = {
  method: { code: -32_601, message: "Method not implemented" },
  noAccount: { code: -32_602, message: "Specified account does not exist" },
  io: { code: -3, message: "Failed to send message: no connection (IOException)" },
  user: (message: string): RpcError => ({ code: -1, message }),
  unregistered: (person: string, timestamp: number) =>
    failure(-1, timestamp, sendResult(person, "UNREGISTERED_FAILURE")),
  untrusted: (person: string, timestamp: number) =>
    failure(-4, timestamp, sendResult(person, "IDENTITY_FAILURE")),
  rateLimited: (person: string, timestamp: number) =>
    failure(-5, timestamp, sendResult(person, "RATE_LIMIT_FAILURE", { retryAfterSeconds: 2 })),
} as const;
