/** An error as the Graph API answers it. */
export interface GraphError {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly details?: string;
  readonly retryAfterSeconds?: number;
}

export function errorBody(error: GraphError): unknown {
  return {
    error: {
      message: `(#${error.code}) ${error.message}`,
      type: "OAuthException",
      code: error.code,
      ...(error.details === undefined
        ? {}
        : { error_data: { messaging_product: "whatsapp", details: error.details } }),
      fbtrace_id: "Az8or2yhqkZfEZ-_4Qn_Bam",
    },
  };
}

const error = (status: number, code: number, message: string, details?: string): GraphError => ({
  status,
  code,
  message,
  ...(details === undefined ? {} : { details }),
});

export const graphErrors = {
  unauthorized: error(401, 190, "Error validating access token: The session is invalid."),
  permission: error(403, 200, "(#200) You do not have the necessary permissions"),
  unknownPath: error(400, 100, "Unsupported request: object does not exist"),
  parameter: (details: string) => error(400, 100, "Invalid parameter", details),
  missing: (details: string) => error(400, 131008, "Required parameter is missing", details),
  unsupportedType: error(400, 131051, "Message type is not currently supported"),
  undeliverable: error(400, 131026, "Message undeliverable", "The recipient cannot get it"),
  windowClosed: error(400, 131047, "Re-engagement message", "More than 24 hours have passed"),
  pairRate: error(400, 131056, "(Business Account, Consumer Account) pair rate limit hit"),
  accountRate: error(429, 130429, "Rate limit hit"),
  tooMany: { ...error(429, 80007, "Rate limit issues"), retryAfterSeconds: 1 },
  server: error(500, 131000, "Something went wrong"),
} as const;
