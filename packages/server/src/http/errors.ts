import { HoldfastError, limits } from "@holdfast/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  apiErrorBody,
  errorHeaders,
  isOpenAiAddress,
  openAiErrorBody,
  requestError,
} from "./error-bodies.ts";

/** Answers for what failed, for unknown addresses and for methods that an address does not have. */
export function answerErrors(app: FastifyInstance): void {
  const routes: { pattern: RegExp; method: string }[] = [];
  app.addHook("onRoute", ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll(/:[a-z]+/g, "[^/]+").replace("*", ".+")}$`);
    for (const one of [method].flat()) routes.push({ pattern, method: one });
  });
  app.setErrorHandler((thrown, request, reply) => sendError(request, reply, requestError(thrown)));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?")[0] ?? "";
    const methods = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (methods.length === 0) {
      return sendError(request, reply, new HoldfastError("not_found", "No such address."));
    }
    const allow = [...new Set(methods)].join(", ");
    void reply.header("allow", allow);
    const problem = `This address takes ${allow}, not ${request.method}.`;
    return sendError(request, reply, new HoldfastError("method_not_allowed", problem));
  });
}

export function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  error: HoldfastError,
): FastifyReply {
  logError(request, error);
  const openAi = isOpenAiAddress(request.url);
  void reply.code(error.status).headers(errorHeaders(error, openAi));
  void reply.type("application/json; charset=utf-8");
  // The rest of a refused body is read and thrown away, within the request's time: a connection that is
  // closed while a client still writes to it loses the answer on its way.
  if (error.status === 413) void reply.removeHeader("connection");
  if (error.status === 408) void reply.header("connection", "close");
  const body = openAi ? openAiErrorBody(error) : apiErrorBody(error, request.id);
  return reply.serializer(JSON.stringify).send(body);
}

export function logError(request: FastifyRequest, error: HoldfastError): void {
  const facts = { requestId: request.id, method: request.method, code: error.code };
  const route = request.routeOptions.url;
  if (error.code === "internal") {
    request.log.error({ ...facts, route, err: error.cause ?? error }, "a request failed");
  } else if (error.status >= 500) request.log.warn({ ...facts, route }, error.message);
  else request.log.debug({ ...facts, route }, "a request was refused");
}

/** The whole HTTP answer to bytes that never became a request. */
export function rawErrorResponse(parserCode: string | undefined, requestId: string): string {
  const error = parserError(parserCode);
  const body = JSON.stringify(apiErrorBody(error, requestId));
  return [
    `HTTP/1.1 ${error.status} ${reasons[error.status] ?? "Error"}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
    "",
    body,
  ].join("\r\n");
}

const reasons: Record<number, string> = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

function parserError(code: string | undefined): HoldfastError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new HoldfastError("request_timeout", "The request did not arrive in time.");
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    const problem = `The headers are over ${limits.requestHeaderBytes} bytes.`;
    return new HoldfastError("headers_too_large", problem);
  }
  return new HoldfastError("invalid_request", "The bytes are no HTTP request.");
}
