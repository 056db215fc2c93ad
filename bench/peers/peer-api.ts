import { HttpConnection } from "../lib/http-connection.ts";

const answerTimeoutMs = 60_000;

/** A Holdfast node's API. */
export interface PeerApi {
  readonly url: string;
  readonly token: string;
  /** The authority's certificate in PEM, and the file that holds it. */
  readonly ca?: string;
  readonly caFile?: string;
}

/** The answer's JSON, or its text where it is none. Errors: those of the connection; a status other than 2xx. */
export async function callApi<Answer>(
  { url, token, ca }: PeerApi,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const { hostname, port, host } = new URL(url);
  const connection = await HttpConnection.open(hostname, Number(port), { ca, answerTimeoutMs });
  // The connection writes one byte for each character.
  const payload =
    body === undefined ? "" : Buffer.from(JSON.stringify(body), "utf8").toString("latin1");
  try {
    const answer = await connection.send(
      `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n` +
        `${payload === "" ? "" : "content-type: application/json\r\n"}content-length: ${payload.length}\r\n\r\n${payload}`,
    );
    const text = Buffer.from(answer.body, "latin1").toString("utf8");
    if (answer.status < 200 || answer.status > 299) {
      throw new Error(`${method} ${path} answered ${answer.status}: ${text.slice(0, 500)}`);
    }
    return (text.startsWith("{") ? JSON.parse(text) : text) as Answer;
  } finally {
    connection.close();
  }
}
