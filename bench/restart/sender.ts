import { type ApiClient, conversationPath } from "../lib/api-client.ts";
import type { Expected } from "../lib/history-check.ts";
import { modelText } from "../lib/model-process.ts";
import { eachOf } from "../lib/pool.ts";
import type { RestartSettings } from "./settings.ts";

const organization = "restart";
const answerTokens = 20;
const messageChars = 500;

/** Agents that all use one provider. */
export async function declareAgents(
  api: ApiClient,
  agents: number,
  modelUrl: string,
): Promise<void> {
  await api.apply([
    { kind: "Organization", name: organization },
    {
      kind: "Provider",
      organization,
      name: "bench",
      type: "openai-compatible",
      baseUrl: modelUrl,
      timeoutMs: 600_000,
    },
    ...Array.from({ length: agents }, (_, number) => ({
      kind: "Agent",
      organization,
      name: `agent-${number}`,
      model: "bench/held",
    })),
  ]);
}

/** Sends messages and keeps the record of what was acknowledged, in order. */
export class Sender {
  readonly #settings: RestartSettings;
  readonly #sent: string[][];
  /** What was sent and not acknowledged: it may or may not have arrived, and is sent again. */
  readonly #unsure: { readonly conversation: number; readonly id: string }[] = [];
  acknowledged = 0;

  constructor(settings: RestartSettings) {
    this.#settings = settings;
    this.#sent = Array.from({ length: settings.conversations }, () => []);
  }

  path(conversation: number): string {
    const agent = `agent-${conversation % this.#settings.agents}`;
    return conversationPath(organization, agent, `c${conversation}`);
  }

  expected(): Expected[] {
    return this.#sent.map((ids, number) => ({ path: this.path(number), ids }));
  }

  /** One message in every conversation, answered. */
  async fill(api: ApiClient): Promise<void> {
    await eachOf(this.#settings.conversations, this.#settings.width, (number) =>
      this.#send(api, number, true),
    );
  }

  /** Messages that nobody answers: several in a row in each of the first conversations. */
  async load(api: ApiClient): Promise<void> {
    const { unanswered, perConversation, width } = this.#settings;
    await eachOf(Math.ceil(unanswered / perConversation), width, async (number) => {
      for (let count = 0; count < perConversation; count += 1) await this.#send(api, number, false);
    });
  }

  /**
   * Goes on sending to further conversations until the node dies in the middle of it. Resolves with the
   * number of messages whose outcome is not known.
   */
  async sendUntilItDies(api: ApiClient, kill: () => Promise<void>): Promise<number> {
    const { unanswered, perConversation, width, conversations } = this.#settings;
    const first = Math.ceil(unanswered / perConversation);
    const free = conversations - first;
    let dead = false;
    const lanes = Math.min(width, free);
    const lane = async (number: number): Promise<void> => {
      // A lane's conversations are its own, so their order is known.
      const own = Math.ceil((free - number) / lanes);
      for (let turn = 0; !dead; turn += 1) {
        const at = first + number + lanes * (turn % own);
        const id = this.#newId(at);
        try {
          await this.#post(api, at, id, false);
          this.#note(at, id);
        } catch {
          // The outcome is unknown, as it is to any client whose server dies: it is sent again later.
          this.#unsure.push({ conversation: at, id });
          return;
        }
      }
    };
    const running = Array.from({ length: lanes }, (_, number) => lane(number));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await kill();
    dead = true;
    await Promise.all(running);
    return this.#unsure.length;
  }

  /** The client's retry with the same keys; gives how many had arrived before. */
  async resend(api: ApiClient): Promise<number> {
    let repeats = 0;
    for (const { conversation, id } of this.#unsure.splice(0)) {
      if (await this.#post(api, conversation, id, false)) repeats += 1;
      this.#note(conversation, id);
    }
    return repeats;
  }

  async #send(api: ApiClient, conversation: number, wait: boolean): Promise<void> {
    const id = this.#newId(conversation);
    await this.#post(api, conversation, id, wait);
    this.#note(conversation, id);
  }

  #newId(conversation: number): string {
    return `${conversation}.${this.#sent[conversation]?.length ?? 0}`;
  }

  #note(conversation: number, id: string): void {
    this.#sent[conversation]?.push(id);
    this.acknowledged += 1;
  }

  /** True when the message was there already. */
  async #post(api: ApiClient, conversation: number, id: string, wait: boolean): Promise<boolean> {
    const { text } = await api.must("POST", `${this.path(conversation)}/messages`, {
      body: { text: modelText(id, answerTokens, messageChars) },
      headers: { "idempotency-key": id, ...(wait && { prefer: "wait=60" }) },
    });
    return (JSON.parse(text) as { duplicate: boolean }).duplicate;
  }
}
