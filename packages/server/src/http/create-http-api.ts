import { HoldfastError, limits } from "@holdfast/core";
import type { RequestListener } from "node:http";
import Fastify, { type FastifyInstance, LogController } from "fastify";
import { guardRoutes } from "./access.ts";
import type { HttpDependencies, HttpTiming, RouteContext } from "./dependencies.ts";
import { answerErrors, rawErrorResponse, sendError } from "./errors.ts";
import { requestError } from "./error-bodies.ts";
import { parseJsonBody } from "./json-body.ts";
import { describeRoutes } from "./openapi.ts";
import { chatCompletionRoutes } from "./openai/chat-completions.ts";
import { modelRoutes } from "./openai/models.ts";
import { responseRoutes } from "./openai/responses.ts";
import { requestIds } from "./request-ids.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { applyRoutes } from "./routes/apply.ts";
import { authorityRoutes } from "./routes/authority.ts";
import { clusterRoutes } from "./routes/cluster.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { eventRoutes } from "./routes/events.ts";
import { joinRoutes } from "./routes/join.ts";
import { messageRoutes } from "./routes/messages.ts";
import { nodeRoutes } from "./routes/node.ts";
import { organizationRoutes } from "./routes/organizations.ts";
import { repairRoutes } from "./routes/repair.ts";
import { resourceRoutes } from "./routes/resources.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { Shutdown } from "./shutdown.ts";
import { createTlsServer } from "./tls-server.ts";
import { validatorCompiler } from "./validation.ts";
import { chatUpgradeEvent, isChatUpgrade, webchatRoutes } from "../webchat/index.ts";

/**
 * The HTTP API of a node, ready to `listen`. `close` stops in good order: event streams get a last
 * event at once, requests in flight may end within `shutdownMs`, and what is left then is cut.
 */
export async function createHttpApi(dependencies: HttpDependencies): Promise<FastifyInstance> {
  const timing = { ...defaultTiming, ...dependencies.timing };
  const shutdown = new Shutdown();
  const app = createServer(dependencies, timing);
  app.addHook("onRequest", (request, reply, done) => {
    void reply.header("x-request-id", request.id);
    done();
  });
  stopInGoodOrder(app, shutdown, dependencies, timing);
  readJsonOnly(app);
  app.setValidatorCompiler(validatorCompiler as never);
  // Answers are built by typed code; checking them again on every request would cost without need.
  app.setSerializerCompiler(() => JSON.stringify);
  app.addHook("onResponse", (request, reply, done) => {
    if (!dependencies.log.isLevelEnabled("debug")) return done();
    const facts = {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url,
    };
    const durationMs = Math.round(reply.elapsedTime * 1_000) / 1_000;
    dependencies.log.debug({ ...facts, status: reply.statusCode, durationMs }, "request");
    done();
  });
  answerErrors(app);
  guardRoutes(app, dependencies.tokens, dependencies.clock);
  await describeRoutes(app, dependencies.version);
  const context: RouteContext = { ...dependencies, timing, shutdown };
  for (const routes of allRoutes) routes(app, context);
  await app.ready();
  return app;
}

const allRoutes = [
  nodeRoutes,
  organizationRoutes,
  resourceRoutes,
  applyRoutes,
  tokenRoutes,
  joinRoutes,
  clusterRoutes,
  repairRoutes,
  authorityRoutes,
  messageRoutes,
  eventRoutes,
  deadLetterRoutes,
  accountRoutes,
  deliveryRoutes,
  webhookRoutes,
  webchatRoutes,
  chatCompletionRoutes,
  responseRoutes,
  modelRoutes,
];

const defaultTiming: HttpTiming = {
  headersTimeoutMs: limits.requestHeadersTimeoutMs,
  requestTimeoutMs: limits.requestTimeoutMs,
  heartbeatMs: limits.streamHeartbeatMs,
  stallMs: limits.streamStallMs,
  shutdownMs: limits.shutdownMs,
  waitMaxMs: limits.waitMaxMs,
};

function createServer(dependencies: HttpDependencies, timing: HttpTiming): FastifyInstance {
  const { tls } = dependencies;
  const nextId = requestIds(dependencies.random);
  const server = {
    maxHeaderSize: limits.requestHeaderBytes,
    headersTimeout: timing.headersTimeoutMs,
    shouldUpgradeCallback: isChatUpgrade,
    connectionsCheckingInterval: Math.min(5_000, timing.requestTimeoutMs),
  };
  // What Fastify sets itself on the servers that it makes.
  const connection = {
    requestTimeout: timing.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
  };
  const app = Fastify({
    loggerInstance: dependencies.log,
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for every request costs more than the request; log lines name the request id.
    childLoggerFactory: (logger) => logger,
    genReqId: nextId,
    exposeHeadRoutes: false,
    bodyLimit: limits.requestBodyBytes,
    return503OnClosing: false,
    requestTimeout: timing.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    routerOptions: { maxParamLength: 1_000 },
    ...(tls
      ? {
          serverFactory: (handler: RequestListener) =>
            createTlsServer(
              tls,
              { ...server, ...connection },
              handler,
              timing.headersTimeoutMs,
              (...parts) => void app.server.emit(chatUpgradeEvent, ...parts),
            ),
        }
      : { http: server }),
    frameworkErrors: (error, request, reply) => {
      void sendError(request, reply, requestError(error));
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === "ECONNRESET" || socket.destroyed) return;
      if (!socket.writable) return void socket.destroy();
      const code = error.code as string | undefined;
      socket.end(rawErrorResponse(code, nextId()), () => socket.destroy());
    },
  });
  app.server.maxConnections = limits.connections;
  return app as unknown as FastifyInstance;
}

const idleSweepMs = 20;

function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer));
    } catch (thrown) {
      done(thrown as Error);
    }
  });
}

function stopInGoodOrder(
  app: FastifyInstance,
  shutdown: Shutdown,
  { clock }: HttpDependencies,
  { shutdownMs }: HttpTiming,
): void {
  let cancels: (() => void)[] = [];
  let cancelSweep = () => {};
  // A connection whose last answer went out after `close` would be kept alive for the next request.
  const closeIdle = () => {
    app.server.closeIdleConnections();
    cancelSweep = clock.schedule(idleSweepMs, closeIdle);
  };
  app.addHook("preClose", (done) => {
    shutdown.begin();
    closeIdle();
    // The waiting get their error a moment before their connections are cut.
    cancels = [
      clock.schedule(shutdownMs * 0.9, () => shutdown.cut()),
      clock.schedule(shutdownMs, () => app.server.closeAllConnections()),
    ];
    done();
  });
  app.addHook("onClose", (_app, done) => {
    cancelSweep();
    for (const cancel of cancels) cancel();
    done();
  });
  app.addHook("onRequest", (_request, reply, done) => {
    if (!shutdown.stopping.aborted) return done();
    void reply.header("connection", "close");
    done(new HoldfastError("not_ready", "The node is stopping.", { retryAfterMs: 1_000 }));
  });
}
