import {
  type AccountCheck,
  type AccountOptions,
  type ChannelAccount,
  HoldfastError,
  type Piece,
  type PieceSend,
  type SendOutcome,
  toHoldfastError,
} from "@holdfast/core";
import { formatWeb } from "../format/index.ts";
import type { WebSettings } from "./settings.ts";
import {
  isSigned,
  isVisitorToken,
  type SignedVisitor,
  visitorIdOf,
  visitorTokenChars,
} from "./visitors.ts";

/** What a browser says of itself. */
export interface VisitorClaim {
  /** What this account gave the browser before. */
  readonly token?: string;
  readonly signed?: SignedVisitor;
}

export interface Visitor {
  readonly id: string;
  /** What the browser is to show next time; absent for signed visitors. */
  readonly token?: string;
}

/**
 * A chat on web pages. The answers stand in the conversation's history, from where the visitors' browsers
 * take them over the nodes' own WebSocket: so nothing is sent here, and no repeat can double anything.
 */
export class WebAccount implements ChannelAccount {
  readonly #options: AccountOptions<WebSettings>;

  constructor(options: AccountOptions<WebSettings>) {
    this.#options = options;
  }

  get settings(): WebSettings {
    return this.#options.settings;
  }

  /** Errors: `unauthenticated` for a signature that is missing, wrong or over; `account_unauthorized`. */
  visitor({ token, signed }: VisitorClaim): Visitor {
    const { settings, secret, clock, random } = this.#options;
    if (settings.visitorSecret !== undefined) {
      const key = secret(settings.visitorSecret);
      if (signed && isSigned(this.#options, signed, key, clock.now())) return { id: signed.id };
      throw new HoldfastError("unauthenticated", "This chat is for people who are signed in.");
    }
    const own = token !== undefined && isVisitorToken(token) ? token : undefined;
    const kept = own ?? random.token(visitorTokenChars);
    return { id: visitorIdOf(this.#options, kept), token: kept };
  }

  async check(): Promise<AccountCheck> {
    const { organization, name, settings, secret } = this.#options;
    const page = `/chat/${organization}/${name}`;
    try {
      if (settings.visitorSecret !== undefined) secret(settings.visitorSecret);
    } catch (thrown) {
      return { ok: false, identity: page, findings: [toHoldfastError(thrown).message] };
    }
    const { length } = settings.allowedOrigins;
    const where =
      length === 0
        ? `Only the nodes' own page ${page} shows it: list the pages that may in allowedOrigins.`
        : `Pages of ${length} origins may show it.`;
    return { ok: true, identity: page, findings: [where] };
  }

  render(markdown: string): readonly Piece[] {
    const { html, plain } = formatWeb(markdown);
    return [{ body: { html }, text: plain }];
  }

  async send({ key }: PieceSend): Promise<SendOutcome> {
    return { outcome: "sent", platformId: key };
  }
}
