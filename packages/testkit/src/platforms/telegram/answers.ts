/** What a method of the Bot API answers. */
export type Answer =
  | { readonly status: 200; readonly body: { readonly ok: true; readonly result: unknown } }
  | { readonly status: number; readonly body: Refusal };

interface Refusal {
  readonly ok: false;
  readonly error_code: number;
  readonly description: string;
  readonly parameters?: { readonly retry_after?: number; readonly migrate_to_chat_id?: number };
}

export function done(result: unknown): Answer {
  return { status: 200, body: { ok: true, result } };
}

export function refused(
  code: number,
  description: string,
  parameters?: Refusal["parameters"],
): Answer {
  return {
    status: code,
    body: { ok: false, error_code: code, description, ...(parameters ? { parameters } : {}) },
  };
}
