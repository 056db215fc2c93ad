export interface FakeAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Record<string, unknown>;
}

/** Discord's own form of an error. */
export function refusal(status: number, code: number, message: string): FakeAnswer {
  return { status, body: { message, code } };
}
