import { type Bus, limits, type Subscription } from "@holdfast/core";
import { callHandler, type NatsClient, plainBytes } from "./nats-client.ts";

const prefix = "hf.bus.";

/** The bus as core NATS. What is published while cut off, or is over the payload limit, is dropped. */
export class NatsBus implements Bus {
  readonly #client: NatsClient;

  constructor(client: NatsClient) {
    this.#client = client;
  }

  publish(subject: string, data: Uint8Array): void {
    if (!this.#client.isConnected || data.byteLength > limits.enginePayloadBytes) return;
    this.#client.connection.publish(prefix + subject, data);
  }

  subscribe(subject: string, handle: (subject: string, data: Uint8Array) => void): Subscription {
    const subscription = this.#client.connection.subscribe(prefix + subject, {
      callback: (error, message) => {
        if (error) return;
        const word = message.subject.slice(prefix.length);
        callHandler(() => handle(word, plainBytes(message.data)));
      },
    });
    return {
      close: () => {
        if (!this.#client.connection.isClosed()) subscription.unsubscribe();
      },
    };
  }
}
