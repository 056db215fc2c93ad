import {
  type Cancel,
  type Clock,
  type ConversationRef,
  conversationKey,
  type HoldfastError,
  type Random,
  toHoldfastError,
} from "@holdfast/core";
import type { Tokens } from "@holdfast/security";
import type { RawData, WebSocket } from "ws";
import type { RateLimits } from "../http/rate-limits.ts";
import { AgentNames } from "./agent-names.ts";
import type { Client, GatewayServices } from "./client.ts";
import { type Admitted, admit, type Challenge } from "./handshake.ts";
import {
  answerFrame,
  errorFrame,
  eventFrame,
  isRequest,
  readFrame,
  type RequestFrame,
} from "./frames.ts";
import { helloOf } from "./hello.ts";
import { gatewayLimits } from "./limits.ts";
import { methodOf } from "./methods/index.ts";
import { closeCodes, errorShape, ProtocolError, unavailable } from "./protocol.ts";
import { RecentSet } from "./recent-set.ts";
import type { SessionEvent } from "./run.ts";
import { requireScope } from "./scopes.ts";
import { SendOrder } from "./send-order.ts";
import { sessionKeyOf } from "./session-keys.ts";
import type { TokenUsage } from "./token-usage.ts";

export interface ConnectionTools {
  readonly services: GatewayServices;
  readonly tokens: Tokens;
  readonly usage: TokenUsage;
  readonly rates: RateLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly tickMs: number;
  readonly handshakeMs: number;
  /** What waits to be sent, over which the client is cut. */
  readonly bufferedBytes: number;
  readonly report: (error: HoldfastError, where: string) => void;
}

/** One client's WebSocket: its handshake, its requests, and the events of what it follows. */
export class Connection {
  readonly id: string;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #tools: ConnectionTools;
  readonly #onAdmitted: () => void;
  readonly #challenge: Challenge;
  readonly #closed = new AbortController();
  /** What it follows, the session untouched for longest first. */
  readonly #followed = new Map<string, () => void>();
  readonly #openIds = new Set<string>();
  #cancelHandshake: Cancel;
  #admitted: Admitted | undefined;
  #client: Client | undefined;
  #requests = 0;
  #sequence = 0;
  #heardAt: number;
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  constructor(socket: WebSocket, tools: ConnectionTools, onAdmitted: () => void) {
    this.#socket = socket;
    this.#tools = tools;
    this.#onAdmitted = onAdmitted;
    const { clock, random } = tools;
    this.id = random.token(20);
    this.#challenge = { nonce: random.token(32), ts: clock.now() };
    this.#heardAt = clock.monotonic();
    this.#cancelHandshake = clock.schedule(tools.handshakeMs, () =>
      this.close(closeCodes.policy, "handshake timeout"),
    );
    socket.on("message", (data, isBinary) => this.#take(data, isBinary));
    socket.on("pong", () => this.#hear());
    socket.on("ping", () => this.#hear());
    // The close that follows says what there is to say.
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.once("close", () => this.#end());
    this.#send(eventFrame("connect.challenge", this.#challenge));
  }

  get isAdmitted(): boolean {
    return this.#client !== undefined;
  }

  get client(): Client | undefined {
    return this.#client;
  }

  /** Tells that the gateway lives, and cuts a client that does not, or whose token was revoked. */
  tick(): void {
    const { clock, tickMs } = this.#tools;
    if (!this.#client || this.#isClosing) return;
    if (clock.monotonic() - this.#heardAt > gatewayLimits.silentTicks * tickMs) {
      return this.close(closeCodes.silent, "tick timeout");
    }
    if (!this.#isTokenValid()) return this.close(closeCodes.policy, "token revoked");
    this.#send(eventFrame("tick", { ts: clock.now() }, this.#nextSequence()));
    this.#socket.ping();
  }

  /** Ends it in good order: what it has asked for may end first, within `graceMs`. */
  async leave(graceMs: number): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#send(eventFrame("shutdown", { reason: "node stops" }, this.#nextSequence()));
    this.#isClosing = true;
    if (this.#requests > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#tools.clock.schedule(graceMs, resolve);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.close(closeCodes.restart, "service restart");
  }

  /** The client has a moment to answer the close. */
  close(code: number, reason: string): void {
    this.#isClosing = true;
    this.#socket.close(code, reason.slice(0, gatewayLimits.closeReasonBytes));
    this.#tools.clock.schedule(gatewayLimits.closeMs, () => this.#socket.terminate());
  }

  /** Ends it at once. */
  cut(): void {
    this.#isClosing = true;
    this.#socket.terminate();
  }

  #hear(): void {
    this.#heardAt = this.#tools.clock.monotonic();
  }

  #take(data: RawData, isBinary: boolean): void {
    this.#hear();
    if (this.#isClosing && !this.#client) return;
    if (isBinary) return this.close(closeCodes.binary, "expected text frames");
    const frame = readFrame(data as Buffer);
    if (!isRequest(frame)) {
      const { id, error } = frame;
      if (id !== undefined) this.#send(errorFrame(id, error));
      // What answers nothing would leave the client waiting.
      if (!this.#client || id === undefined) this.close(closeCodes.policy, error.message);
      return;
    }
    if (!this.#client) return this.#connect(frame);
    void this.#serve(this.#client, frame);
  }

  #connect(frame: RequestFrame): void {
    if (frame.method !== "connect") {
      const message = "invalid handshake: first request must be connect";
      this.#send(errorFrame(frame.id, { code: "INVALID_REQUEST", message }));
      return this.close(closeCodes.policy, message);
    }
    const { tokens, usage } = this.#tools;
    const admitted = admit(frame.params, this.#challenge, tokens);
    if ("error" in admitted) {
      this.#send(errorFrame(frame.id, admitted.error));
      return this.close(admitted.closeCode, admitted.error.message);
    }
    const held = usage.of(admitted.caller);
    if (held.connections >= gatewayLimits.connectionsPerToken) {
      const problem = `this token has ${gatewayLimits.connectionsPerToken} connections already`;
      this.#send(errorFrame(frame.id, unavailable(problem, 5_000).shape));
      return this.close(closeCodes.overloaded, problem);
    }
    held.connections += 1;
    this.#cancelHandshake();
    this.#admitted = admitted;
    this.#client = this.#newClient(admitted);
    this.#onAdmitted();
    this.#send(answerFrame(frame.id, helloOf(this.#client, this.id, this.#tools.tickMs)));
  }

  #newClient({ connect, caller }: Admitted): Client {
    const { services, usage, clock } = this.#tools;
    return {
      services,
      caller,
      connect,
      usage: usage.of(caller),
      names: new AgentNames(services.resources, caller),
      wishes: { sessions: false, messages: new RecentSet(gatewayLimits.sessionsPerConnection) },
      sends: new SendOrder(clock),
      follow: (ref) => this.#follow(ref),
    };
  }

  async #serve(client: Client, { id, method, params }: RequestFrame): Promise<void> {
    const { usage } = client;
    this.#requests += 1;
    usage.requests += 1;
    const isRepeated = this.#openIds.has(id);
    this.#openIds.add(id);
    try {
      if (isRepeated)
        throw new ProtocolError({ code: "INVALID_REQUEST", message: "the request id is in use" });
      this.#refuseExcess(client);
      const known = methodOf(method);
      if (!known)
        throw new ProtocolError({ code: "INVALID_REQUEST", message: `unknown method: ${method}` });
      requireScope(client, known.scope);
      const answer = (payload: unknown) => this.#send(answerFrame(id, payload));
      const call = { client, params, answer, signal: this.#closed.signal };
      answer(await known.run(call));
    } catch (thrown) {
      this.#answerError(id, method, thrown);
    } finally {
      if (!isRepeated) this.#openIds.delete(id);
      this.#requests -= 1;
      usage.requests -= 1;
      if (this.#requests === 0) this.#onIdle?.();
    }
  }

  #answerError(id: string, method: string, thrown: unknown): void {
    if (!(thrown instanceof ProtocolError)) {
      const error = toHoldfastError(thrown);
      if (error.code === "internal") this.#tools.report(error, `gateway ${method}`);
    }
    this.#send(errorFrame(id, errorShape(thrown)));
  }

  /** Errors: `rate_limited`, `UNAVAILABLE`, `FORBIDDEN`. */
  #refuseExcess({ caller, usage }: Client): void {
    if (!this.#isTokenValid()) {
      this.close(closeCodes.policy, "token revoked");
      throw new ProtocolError({ code: "FORBIDDEN", message: "the token was revoked" });
    }
    if (this.#isClosing) throw unavailable("the node stops", 1_000);
    this.#tools.rates.take(caller);
    if (this.#requests > gatewayLimits.requestsPerConnection) {
      throw unavailable(`over ${gatewayLimits.requestsPerConnection} requests are open here`, 500);
    }
    if (usage.requests > gatewayLimits.requestsPerToken) {
      throw unavailable(
        `over ${gatewayLimits.requestsPerToken} requests of the token are open`,
        500,
      );
    }
  }

  #isTokenValid(): boolean {
    const { token, caller } = this.#admitted ?? {};
    return token !== undefined && this.#tools.tokens.find(token)?.id === caller?.id;
  }

  #follow(ref: ConversationRef): void {
    if (this.#closed.signal.aborted) return;
    const key = conversationKey(ref);
    const stop =
      this.#followed.get(key) ??
      this.#tools.services.hub.listen(ref, (of, event) => this.#tell(of, event));
    this.#followed.delete(key);
    this.#followed.set(key, stop);
    if (this.#followed.size <= gatewayLimits.sessionsPerConnection) return;
    for (const [oldest, stopOldest] of this.#followed) {
      this.#followed.delete(oldest);
      stopOldest();
      return;
    }
  }

  #tell(ref: ConversationRef, { event, payload }: SessionEvent): void {
    const client = this.#client;
    if (!client) return;
    const sessionKey = sessionKeyOf(client.names, ref);
    if (event === "sessions.changed" && !client.wishes.sessions) return;
    if (event === "session.message" && !client.wishes.messages.has(sessionKey)) return;
    const agentId = client.names.idOf(ref);
    const about = { sessionKey, agentId, sessionId: ref.conversation };
    this.#send(eventFrame(event, { ...payload, ...about }, this.#nextSequence()));
  }

  #nextSequence(): number {
    return (this.#sequence += 1);
  }

  #send(text: string): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > this.#tools.bufferedBytes) {
      // What it did not take is in the history; a close would wait behind all that.
      return this.cut();
    }
    socket.send(text);
  }

  #end(): void {
    this.#cancelHandshake();
    this.#closed.abort();
    for (const stop of this.#followed.values()) stop();
    this.#followed.clear();
    this.#onIdle?.();
    if (this.#client) this.#client.usage.connections -= 1;
  }
}
