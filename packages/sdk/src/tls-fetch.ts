import type { Fetch } from "./http.ts";

/**
 * A fetch that trusts only the given certificate authority. Node's own fetch takes no authority, so
 * the library behind it is loaded on the first call, by those who need it.
 */
export function fetchWithAuthority(ca: string): Fetch {
  let ready: Promise<Fetch> | undefined;
  return async (url, init) => {
    ready ??= load(ca);
    return (await ready)(url, init);
  };
}

async function load(ca: string): Promise<Fetch> {
  const undici = await import("undici");
  const dispatcher = new undici.Agent({ connect: { ca, minVersion: "TLSv1.3" } });
  return async (url, init) => {
    // The same standard typed twice: undici's classes are not declared as Node's own.
    const answer: unknown = await undici.fetch(url, { ...init, dispatcher } as never);
    return answer as Response;
  };
}
