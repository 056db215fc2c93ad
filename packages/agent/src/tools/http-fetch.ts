import { HoldfastError, limits } from "@holdfast/core";

/**
 * fetch, with redirects followed only within the origin and only where that repeats nothing: the
 * declared headers hold secrets, and a server must not send the node to other hosts.
 */
export async function fetchWithinOrigin(start: URL, init: RequestInit): Promise<Response> {
  let url = start;
  let request = init;
  for (let hop = 0; hop <= limits.toolRedirects; hop++) {
    const response = await fetch(url, { ...request, redirect: "manual" });
    const location = response.headers.get("location");
    if (!redirects.has(response.status) || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next?.origin !== start.origin) {
      throw refused(response.status, "to another host, which is refused");
    }
    const method = request.method ?? "GET";
    if (response.status === 303) {
      request = { headers: withoutBody(request.headers), signal: request.signal ?? null };
    } else if (response.status < 307 && method !== "GET") {
      throw refused(response.status, `of a ${method} request, which is refused`);
    }
    url = next;
  }
  throw refused(302, `more than ${limits.toolRedirects} times`);
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function withoutBody(headers: RequestInit["headers"]): Headers {
  const kept = new Headers(headers);
  kept.delete("content-type");
  return kept;
}

function refused(status: number, what: string): HoldfastError {
  return new HoldfastError("tool_failed", `HTTP ${status}: the server redirects ${what}.`);
}
