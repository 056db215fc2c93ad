import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type ChannelAccount,
  HoldfastError,
  type InboundEvent,
  type WebhookRequest,
} from "@holdfast/core";

export interface Receiver {
  readonly url: string;
  readonly events: InboundEvent[];
  /** Requests as they came, for sending them again. */
  readonly requests: WebhookRequest[];
  /** Answers 503 to so many of the next requests: what they tell did not become durable. */
  refuseNext(count: number): void;
  close(): Promise<void>;
}

/** A node's webhook address of one account, as far as an adapter sees it. */
export async function startReceiver(account: ChannelAccount): Promise<Receiver> {
  const events: InboundEvent[] = [];
  const requests: WebhookRequest[] = [];
  let refusals = 0;
  const server: Server = createServer((request, response) => {
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://localhost");
      const asked: WebhookRequest = {
        method: request.method ?? "GET",
        path: "",
        query: url.searchParams,
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(parts),
      };
      requests.push(asked);
      account.webhook?.(asked).then(
        (answer) => {
          if (refusals > 0) {
            refusals -= 1;
            response.writeHead(503).end();
            return;
          }
          events.push(...answer.events);
          response.writeHead(answer.status, answer.headers).end(answer.body);
        },
        (error: unknown) => {
          const status = error instanceof HoldfastError ? error.status : 500;
          response.writeHead(status).end();
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    events,
    requests,
    refuseNext(count) {
      refusals = count;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
