import type { TokenRecord, Tokens } from "@holdfast/security";
import { type ConnectParams, connectParams } from "./connect-params.ts";
import { deviceFault } from "./device-signature.ts";
import { faultsOf } from "./frames.ts";
import { closeCodes, type ErrorShape, oldestProbeVersion, protocolVersion } from "./protocol.ts";

export interface Challenge {
  readonly nonce: string;
  readonly ts: number;
}

export interface Admitted {
  readonly connect: ConnectParams;
  readonly caller: TokenRecord;
  /** The token itself, to see when it is revoked. */
  readonly token: string;
}

export interface Refused {
  readonly error: ErrorShape;
  readonly closeCode: number;
}

/** Looks at the parameters of `connect`. */
export function admit(params: unknown, challenge: Challenge, tokens: Tokens): Admitted | Refused {
  const parsed = connectParams.safeParse(params);
  if (!parsed.success) {
    return refuse(`invalid connect params: ${faultsOf(parsed.error)}`, undefined);
  }
  const connect = parsed.data;
  const oldest = connect.client.mode === "probe" ? oldestProbeVersion : protocolVersion;
  if (connect.minProtocol > protocolVersion || connect.maxProtocol < oldest) {
    const details = {
      code: "PROTOCOL_MISMATCH",
      clientMinProtocol: connect.minProtocol,
      clientMaxProtocol: connect.maxProtocol,
      expectedProtocol: protocolVersion,
      minimumProbeProtocol: oldestProbeVersion,
    };
    return refuse("protocol mismatch", details, closeCodes.protocol);
  }
  if (connect.role !== "operator")
    return refuse("invalid role: only operators connect here", undefined);
  // Either field may carry the secret.
  const token = connect.auth?.token ?? connect.auth?.password;
  const caller = token === undefined ? undefined : tokens.find(token);
  if (token === undefined || caller === undefined) return unauthorized(token === undefined);
  const fault = deviceFault(connect, challenge);
  if (fault) return refuse("device identity is not proven", { code: fault });
  return { connect, caller, token };
}

function unauthorized(isMissing: boolean): Refused {
  const what = isMissing ? "missing" : "mismatch";
  const hint = "set OPENCLAW_GATEWAY_TOKEN or gateway.remote.token to a Holdfast API token";
  return refuse(`unauthorized: gateway token ${what} (${hint})`, {
    code: isMissing ? "AUTH_TOKEN_MISSING" : "AUTH_TOKEN_MISMATCH",
    authReason: isMissing ? "token_missing" : "token_mismatch",
    canRetryWithDeviceToken: false,
    recommendedNextStep: isMissing ? "update_auth_configuration" : "update_auth_credentials",
  });
}

function refuse(message: string, details: unknown, closeCode: number = closeCodes.policy): Refused {
  const error: ErrorShape = {
    code: "INVALID_REQUEST",
    message,
    ...(details !== undefined && { details }),
  };
  return { error, closeCode };
}
