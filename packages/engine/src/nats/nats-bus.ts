import { type Bus, limits, type Subscription } from "@holdfast/core";
import { callHandler, type NatsClient, plainBytes } from "./nats-client.ts";

export const busPrefix = "hf.bus.";
/** Where compute nodes hear each other when they are connected to the same server. */
export const peerPrefix = "hf.peer.";

/** The bus as core NATS. What is published while cut off, or is over the payload limit, is dropped. */
export class NatsBus implements Bus {
  readonly #client: NatsClient;

  constructor(client: NatsClient) {
    this.#client = client;
  }

  publish(subject: string, data: Uint8Array): void {
    if (!this.#client.isConnected || data.byteLength > limits.enginePayloadBytes) return;
    this.#client.connection.publish(busPrefix + subject, data);
  }

  subscribe(subject: string, handle: (subject: string, data: Uint8Array) => void): Subscription {
    const { connection } = this.#client;
    const subscriptions = [busPrefix, peerPrefix].map((prefix) =>
      connection.subscribe(prefix + subject, {
        callback: (error, message) => {
          if (error) return;
          const word = message.subject.slice(prefix.length);
          callHandler(() => handle(word, plainBytes(message.data)));
        },
      }),
    );
    return {
      close: () => {
        if (connection.isClosed()) return;
        for (const subscription of subscriptions) subscription.unsubscribe();
      },
    };
  }
}
