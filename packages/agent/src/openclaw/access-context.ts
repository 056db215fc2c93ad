import type { ImportedChannel } from "./channel-ids.ts";
import type { Section } from "./section.ts";

/** What is known beside an account's own settings of who may talk to it. */
export interface AccessContext {
  readonly channel: ImportedChannel;
  /** As notes name the account. */
  readonly subject: string;
  readonly accessGroups: Section | undefined;
  /** `channels.defaults`. */
  readonly defaults: Section | undefined;
}
