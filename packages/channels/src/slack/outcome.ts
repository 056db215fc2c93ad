import type { SendOutcome } from "@holdfast/core";
import type { ApiAnswer } from "./api.ts";
import { slackLimits } from "./limits.ts";

type Trouble = Exclude<ApiAnswer, { kind: "ok" }>;

/** Slack refuses who asks: a person has to mend the token, its scopes, or the workspace. */
const unauthorizedErrors: ReadonlySet<string> = new Set([
  "account_inactive",
  "invalid_auth",
  "missing_scope",
  "not_allowed_token_type",
  "not_authed",
  "token_expired",
  "token_revoked",
]);

/** Slack refuses this message, or this chat. */
const failedErrors: ReadonlySet<string> = new Set([
  "access_denied",
  "as_user_not_supported",
  "cannot_reply_to_message",
  "channel_is_limited_access",
  "channel_not_found",
  "duplicate_channel_not_found",
  "duplicate_message_not_found",
  "ekm_access_denied",
  "external_channel_migrating",
  "invalid_arg_name",
  "invalid_arguments",
  "invalid_array_arg",
  "invalid_charset",
  "invalid_form_data",
  "invalid_metadata_format",
  "invalid_metadata_schema",
  "invalid_post_type",
  "is_archived",
  "is_inactive",
  "messages_tab_disabled",
  "metadata_too_large",
  "msg_too_long",
  // Not of the token: the app is to be made a member of the conversation.
  "no_permission",
  "no_text",
  "not_in_channel",
  "restricted_action",
  "restricted_action_non_threadable_channel",
  "restricted_action_read_only_channel",
  "restricted_action_thread_locked",
  "restricted_action_thread_only_channel",
  "slack_connect_blocked_file_type",
  "slack_connect_canvas_sharing_blocked",
  "slack_connect_file_link_sharing_blocked",
  "team_access_not_granted",
  "team_not_found",
  "too_many_attachments",
  "user_not_found",
]);

/** Slack says that it did nothing, and that this passes. */
const temporaryErrors: ReadonlySet<string> = new Set([
  "accesslimited",
  "org_login_required",
  "request_timeout",
  "service_unavailable",
  "team_added_to_org",
]);

/** A limit that came without the status 429, and so without a wait. */
const rateErrors: ReadonlySet<string> = new Set([
  "message_limit_exceeded",
  "rate_limited",
  "ratelimited",
]);

/** Trouble with a send, as the outbox understands it. */
export function outcomeOf(trouble: Trouble): SendOutcome {
  switch (trouble.kind) {
    case "not-sent":
      return { outcome: "retry", reason: trouble.reason };
    case "limited":
      return limited(trouble.afterMs);
    case "lost":
      return { outcome: "unknown", reason: trouble.reason };
    case "refused":
      return refusalOf(trouble.error, trouble.needed);
  }
}

/** Whether Slack's word means that the credentials do not work. */
export function isUnauthorized(error: string): boolean {
  return unauthorizedErrors.has(error);
}

export function describeRefusal(error: string, needed?: string): string {
  return needed === undefined
    ? `Slack refuses it: ${error}.`
    : `Slack refuses it: ${error}; the scope ${needed} is needed.`;
}

/** Slack counts for the method and the workspace, and does not tell when it was the channel alone. */
function limited(afterMs: number): SendOutcome {
  return { outcome: "retry", reason: "Slack limits the rate.", afterMs, scope: "account" };
}

function refusalOf(error: string, needed: string | undefined): SendOutcome {
  const reason = describeRefusal(error, needed);
  if (unauthorizedErrors.has(error)) return { outcome: "unauthorized", reason };
  if (failedErrors.has(error)) return { outcome: "failed", reason };
  if (rateErrors.has(error)) return limited(slackLimits.rateLimitDefaultMs);
  if (temporaryErrors.has(error)) return { outcome: "retry", reason };
  // Of fatal_error and internal_error Slack says that a part may have happened; others are not known.
  return { outcome: "unknown", reason };
}
