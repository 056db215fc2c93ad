import { HoldfastError, limits } from "@holdfast/core";

const lineFeed = 10;

/**
 * `fetch` for providers' clients: follows no redirect (it would carry the key elsewhere), bounds what
 * is read, and refuses answers that are no event stream.
 */
export const providerFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, { ...init, redirect: "manual" });
  if (response.status < 200 || response.status > 299) return boundedError(response);
  const type = response.headers.get("content-type") ?? "";
  if (/^(text\/html|application\/json)/i.test(type)) {
    await response.body?.cancel();
    throw new HoldfastError(
      "model_rejected",
      `The provider answered with ${type.split(";")[0]} instead of an event stream; check its base URL.`,
    );
  }
  if (!response.body) return response;
  return new Response(boundEvents(response.body), response);
};

/** The same answer with at most the beginning of its body. */
async function boundedError(response: Response): Promise<Response> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  if (response.body) {
    for await (const part of response.body) {
      parts.push(part);
      bytes += part.length;
      if (bytes >= limits.modelErrorBodyBytes) break;
    }
  }
  const body = Buffer.concat(parts).subarray(0, limits.modelErrorBodyBytes);
  // A redirect's status is kept as 4xx: the SDK and `Response` treat 3xx specially.
  const isRedirect = response.status >= 300 && response.status < 400;
  const { statusText, headers } = response;
  return isRedirect
    ? new Response(`{"error":{"message":"redirected, which is not followed"}}`, { status: 400 })
    : new Response(body, { status: response.status, statusText, headers });
}

/** Fails a stream whose line never ends, which the parser behind would gather without bound. */
function boundEvents(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let lineBytes = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        const end = value.lastIndexOf(lineFeed);
        lineBytes = end < 0 ? lineBytes + value.length : value.length - end - 1;
        if (lineBytes > limits.modelEventBytes) {
          await reader.cancel();
          throw new HoldfastError(
            "model_unavailable",
            `The provider sent an event of more than ${limits.modelEventBytes} bytes.`,
          );
        }
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
