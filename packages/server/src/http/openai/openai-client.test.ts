import { HoldfastError } from "@holdfast/core";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Reply } from "../testing/memory-conversations.ts";
import { startTestApi, type TestApi } from "../testing/test-api.ts";

let api: TestApi;
let client: OpenAI;

beforeEach(async () => {
  api = await startTestApi();
  client = new OpenAI({ apiKey: api.demo, baseURL: `${api.url}/v1`, maxRetries: 0 });
});
afterEach(() => api.close());

const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a town",
    parameters: { type: "object", properties: { town: { type: "string" } } },
  },
} as const;
const weatherCall = { id: "call_1", name: "weather", arguments: '{"town":"Bern"}' };

const sessionKey = "x-openclaw-session-key";

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("chat completions", () => {
  test("answers a stateless call with the whole messages as history", async () => {
    const completion = await client.chat.completions.create({
      model: "demo/greeter",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello" },
        { role: "assistant", content: "Hi" },
        { role: "user", content: [{ type: "text", text: "How are you?" }] },
      ],
      temperature: 0.5,
      max_completion_tokens: 100,
      stop: "END",
      response_format: { type: "json_object" },
    });
    expect(completion.choices[0]?.message.content).toBe("echo: How are you?");
    expect(completion.choices[0]?.finish_reason).toBe("stop");
    expect(completion.usage).toMatchObject({
      prompt_tokens: 3,
      completion_tokens: 4,
      total_tokens: 7,
    });
    expect(completion.id).toMatch(/^chatcmpl-/);
    expect(api.conversations.submitted[0]).toMatchObject({
      organization: "demo",
      agent: "greeter",
      ephemeral: true,
      content: { type: "text", text: "How are you?" },
      options: {
        instructions: "Be brief.",
        history: [
          { role: "user", text: "Hello" },
          { role: "assistant", text: "Hi" },
        ],
        settings: { temperature: 0.5, maxOutputTokens: 100, stop: ["END"], responseFormat: "json" },
      },
    });
  });

  test("streams deltas, then the usage when it is asked for", async () => {
    api.conversations.answer = () => ({ deltas: ["Good ", "morning"] });
    const stream = await client.chat.completions.create({
      model: "greeter",
      messages: [{ role: "user", content: "Hello" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    const finishes: unknown[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]?.finish_reason) finishes.push(chunk.choices[0].finish_reason);
      if (chunk.usage) usage = chunk.usage;
    }
    expect(text).toBe("Good morning");
    expect(finishes).toEqual(["stop"]);
    expect(usage).toMatchObject({ total_tokens: 7 });
  });

  test("a commit brings what the deltas left out", async () => {
    api.conversations.answer = () => ({ deltas: ["Good "], text: "Good morning" });
    const stream = client.chat.completions.stream({
      model: "greeter",
      messages: [{ role: "user", content: "Hello" }],
    });
    expect(await stream.finalContent()).toBe("Good morning");
  });

  test("client tools go out as tool_calls and come back as tool messages", async () => {
    api.conversations.answer = (message) =>
      message.content.type === "tool-results"
        ? { text: "It rains." }
        : { toolCalls: [weatherCall], finish: "tool-calls" };
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "Weather?" }];
    const request = { model: "greeter", tools: [weather], tool_choice: "required" as const };
    const first = await client.chat.completions.create({ ...request, messages });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.tool_calls).toEqual([
      {
        id: "call_1",
        type: "function",
        function: { name: "weather", arguments: '{"town":"Bern"}' },
      },
    ]);
    messages.push(choice!.message, { role: "tool", tool_call_id: "call_1", content: "rain" });
    const second = await client.chat.completions.create({ ...request, messages });
    expect(second.choices[0]?.message.content).toBe("It rains.");
    expect(api.conversations.submitted[1]).toMatchObject({
      content: { type: "tool-results", results: [{ toolCallId: "call_1", text: "rain" }] },
      options: {
        history: [
          { role: "user", text: "Weather?" },
          { role: "assistant", text: "", toolCalls: [weatherCall] },
        ],
        clientTools: [{ name: "weather", description: "The weather of a town" }],
        settings: { toolChoice: "required" },
      },
    });
    const streamed = client.chat.completions.stream({
      ...request,
      messages: [{ role: "user", content: "Weather?" }],
    });
    const final = await streamed.finalChatCompletion();
    expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      id: "call_1",
      function: { name: "weather", arguments: '{"town":"Bern"}' },
    });
  });

  test("a named conversation takes only what is new", async () => {
    const headers = { "x-holdfast-conversation": "support:42" };
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: "user", content: "one" },
      { role: "assistant", content: "echo: one" },
      { role: "user", content: "two" },
      { role: "user", content: "three" },
    ];
    const answer = await client.chat.completions.create(
      { model: "greeter", messages },
      { headers },
    );
    expect(answer.choices[0]?.message.content).toBe("echo: two\n\nthree");
    const [submitted] = api.conversations.submitted;
    expect(submitted).toMatchObject({ conversation: "support:42" });
    expect(submitted).not.toHaveProperty("ephemeral");
    expect(submitted).not.toHaveProperty("options");
  });

  test("user and session key name conversations, whatever they hold", async () => {
    const request = {
      model: "greeter",
      messages: [{ role: "user" as const, content: "hi" }],
      user: "Jürgen / Zürich",
    };
    await client.chat.completions.create(request);
    await client.chat.completions.create(request);
    for (const key of ["agent:greeter:main", "agent:greeter:Notes 1/2", "main"]) {
      await client.chat.completions.create(request, {
        headers: { [sessionKey]: key },
      });
    }
    const names = api.conversations.submitted.map(({ conversation }) => conversation);
    expect(names[0]).toMatch(/^name-[0-9a-f]{40}$/);
    expect(names[1]).toBe(names[0]);
    // What the gateway makes of the same keys.
    expect(names.slice(2)).toEqual(["main", "key~Notes~201~2f2", "main"]);
    for (const key of ["agent:writer:main", "agent:nobody:main"]) {
      await expect(
        client.responses.create(
          { model: "greeter", input: "hi" },
          { headers: { [sessionKey]: key } },
        ),
      ).rejects.toMatchObject({ status: 400, code: "invalid_request", param: sessionKey });
    }
    await expect(
      client.chat.completions.create(request, {
        headers: { "x-holdfast-conversation": "no good" },
      }),
    ).rejects.toBeInstanceOf(OpenAI.BadRequestError);
  });

  test("the same Idempotency-Key takes effect once", async () => {
    const request = { model: "greeter", messages: [{ role: "user" as const, content: "hi" }] };
    const headers = { "Idempotency-Key": "k-1" };
    const first = await client.chat.completions.create(request, { headers });
    const second = await client.chat.completions.create(request, { headers });
    expect(second.id).toBe(first.id);
    expect(second.choices[0]?.message.content).toBe("echo: hi");
    expect(api.conversations.submitted).toHaveLength(1);
    const other = { ...request, messages: [{ role: "user" as const, content: "ho" }] };
    await expect(client.chat.completions.create(other, { headers })).rejects.toBeInstanceOf(
      OpenAI.ConflictError,
    );
  });
});

describe("errors are the client's own classes", () => {
  const ask = (with_: OpenAI = client, more: object = {}) =>
    with_.chat.completions.create({
      model: "greeter",
      messages: [{ role: "user", content: "hi" }],
      ...more,
    });

  test("401, 404, 429, 400", async () => {
    const stranger = new OpenAI({ apiKey: "hf_nobody", baseURL: `${api.url}/v1`, maxRetries: 0 });
    await expect(ask(stranger)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(ask(client, { model: "nobody" })).rejects.toMatchObject({
      constructor: OpenAI.NotFoundError,
      code: "model_not_found",
      param: "model",
    });
    await expect(ask(client, { model: "other/greeter" })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
    await expect(ask(client, { n: 2 })).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      param: "n",
      type: "invalid_request_error",
    });
    await expect(ask(client, { temperature: "hot" })).rejects.toMatchObject({
      param: "temperature",
    });
    await expect(ask(client, { frobnicate: 1 })).rejects.toMatchObject({ param: "frobnicate" });
    api.conversations.refuse = new HoldfastError("conversation_busy", "Too many.", {
      retryAfterMs: 2_500,
    });
    await expect(ask()).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    const response = await api.call("POST", "/v1/chat/completions", {
      token: api.demo,
      body: { model: "greeter", messages: [{ role: "user", content: "hi" }] },
    });
    expect(response.headers.get("retry-after")).toBe("3");
    expect(response.json).toEqual({
      error: {
        message: "Too many.",
        type: "rate_limit_error",
        param: null,
        code: "conversation_busy",
      },
    });
  });

  test("a failure before the first byte is an HTTP error, after it an event", async () => {
    const fail = { code: "model_unavailable", message: "The model is away.", retryAfterMs: 1_000 };
    api.conversations.answer = () => ({ fail });
    await expect(ask(client, { stream: true })).rejects.toMatchObject({ status: 503 });
    await expect(
      client.responses.create({ model: "greeter", input: "hi", stream: true }),
    ).rejects.toMatchObject({ status: 503, code: "model_unavailable" });

    api.conversations.answer = () => ({ deltas: ["Good "], fail });
    const chat = await client.chat.completions.create({
      model: "greeter",
      messages: [{ role: "user", content: "hi" }],
      stream: true,
    });
    await expect(collect(chat)).rejects.toMatchObject({ code: "model_unavailable" });
    const response = await client.responses.create({ model: "greeter", input: "hi", stream: true });
    await expect(collect(response)).rejects.toMatchObject({ code: "model_unavailable" });
  });
});

describe.each(["chat", "responses"])("a %s stream whose turn goes on elsewhere", (kind) => {
  const streamed = async (reply: Reply) => {
    api.conversations.answer = () => reply;
    if (kind === "chat") {
      const messages = [{ role: "user" as const, content: "hi" }];
      const stream = client.chat.completions.stream({ model: "greeter", messages });
      return await stream.finalContent();
    }
    const stream = await client.responses.create({ model: "greeter", input: "hi", stream: true });
    const events = await collect(stream);
    const told = events.flatMap((one) =>
      one.type === "response.output_text.delta" ? one.delta : [],
    );
    return told.join("");
  };
  const failure = { code: "wait_timeout" };
  const text = "Hello, the capital is Paris.";
  const deltas = ["Hello, ", "the capi"];

  test("what is told anew in the same words is told once", async () => {
    const again = ["Hel", "lo, the ", "capital is", " Paris."];
    expect(await streamed({ deltas, again, text })).toBe(text);
  });

  test("what is told anew while nothing of it was known is told", async () => {
    expect(await streamed({ again: [text], text })).toBe(text);
  });

  test("other words end it with an error", async () => {
    const again = ["Hello! ", "It is Paris."];
    await expect(streamed({ deltas, again, text: again.join("") })).rejects.toMatchObject(failure);
    await expect(streamed({ deltas, text: "Hello, it is." })).rejects.toMatchObject(failure);
  });

  test("a lost piece ends it with an error, unless it was the last", async () => {
    const lost = ["Hello, ", "capital is Paris."];
    await expect(streamed({ deltas: lost, text })).rejects.toMatchObject(failure);
    expect(await streamed({ deltas, text })).toBe(text);
  });

  test("a step that was finished is not repeated", async () => {
    const steps = ["I look."];
    const whole = "I look.\n\nParis.";
    const after = { deltas: steps, steps, text: "Paris." };
    expect(await streamed({ ...after, again: [{ tool: "map" }, "Paris."] })).toBe(whole);
    // Unless nobody told that it was finished: then the text of both runs together.
    const long = { again: ["It is Paris, ", "the city."], text: "It is Paris, the city." };
    await expect(streamed({ ...after, ...long })).rejects.toMatchObject(failure);
  });

  test("a step that the node before still runs goes on where it was", async () => {
    expect(await streamed({ deltas, again: ["tal is", " Paris."], text })).toBe(text);
  });
});

describe("responses", () => {
  test("answers, and previous_response_id goes on in the same conversation", async () => {
    const first = await client.responses.create({
      model: "greeter",
      input: "Hello",
      instructions: "Be brief.",
      temperature: 0.1,
    });
    expect(first.output_text).toBe("echo: Hello");
    expect(first.status).toBe("completed");
    expect(first.usage).toMatchObject({ input_tokens: 3, output_tokens: 4, total_tokens: 7 });
    const second = await client.responses.create({
      model: "greeter",
      input: [{ role: "user", content: "And?" }],
      previous_response_id: first.id,
    });
    expect(second.output_text).toBe("echo: And?");
    const [one, two] = api.conversations.submitted;
    expect(one).toMatchObject({ options: { instructions: "Be brief." } });
    expect(one).not.toHaveProperty("ephemeral");
    expect(two?.conversation).toBe(one?.conversation);
    expect(two).not.toHaveProperty("options");
  });

  test("an older response is branched from, with what was said before it", async () => {
    const create = (input: string, previous?: string, more: object = {}) =>
      client.responses.create({
        model: "greeter",
        input,
        ...(previous === undefined ? {} : { previous_response_id: previous }),
        ...more,
      });
    const first = await create("one");
    await create("two", first.id);
    const branch = await create("three", first.id);
    const further = await create("four", branch.id);
    const unstored = await create("five", further.id, { store: false });
    const [one, two, three, four, five] = api.conversations.submitted;
    const base = [
      { role: "user", text: "one" },
      { role: "assistant", text: "echo: one" },
    ];
    expect(two?.conversation).toBe(one?.conversation);
    expect(three?.conversation).not.toBe(one?.conversation);
    expect(three?.options?.history).toEqual(base);
    expect(four?.conversation).toBe(three?.conversation);
    expect(four?.options?.history).toEqual(base);
    expect(five).toMatchObject({ ephemeral: true });
    expect(five?.options?.history?.map((message) => message.text)).toEqual([
      "one",
      "echo: one",
      "three",
      "echo: three",
      "four",
      "echo: four",
    ]);
    expect(unstored.status).toBe("completed");
  });

  test("a response id of another agent or organization leads nowhere", async () => {
    const first = await client.responses.create({ model: "greeter", input: "secret" });
    const other = (await api.tokens.create({ name: "o", organization: "other" })).token;
    const stranger = new OpenAI({ apiKey: other, baseURL: `${api.url}/v1`, maxRetries: 0 });
    for (const [who, model] of [
      [stranger, "greeter"],
      [client, "writer"],
    ] as const) {
      await expect(
        who.responses.create({ model, input: "what?", previous_response_id: first.id }),
      ).rejects.toMatchObject({ status: 400, code: "previous_response_not_found" });
    }
    for (const id of ["resp_x", "resp_W10", "nothing", "resp_", `resp_${"A".repeat(900)}`]) {
      await expect(
        client.responses.create({ model: "greeter", input: "hi", previous_response_id: id }),
      ).rejects.toMatchObject({
        code: "previous_response_not_found",
        param: "previous_response_id",
      });
    }
  });

  test("streams the whole official sequence of events", async () => {
    api.conversations.answer = () => ({
      deltas: ["Good ", "morning"],
      toolCalls: [weatherCall],
      finish: "tool-calls",
    });
    const stream = await client.responses.create({
      model: "greeter",
      input: "hi",
      tools: [{ ...weather.function, type: "function", strict: false }],
      stream: true,
    });
    const events = await collect(stream);
    expect(events.map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
  });

  test("the client's own accumulation, and the call's output as the next input", async () => {
    api.conversations.answer = (message) =>
      message.content.type === "tool-results"
        ? { text: "It rains." }
        : { toolCalls: [weatherCall], finish: "tool-calls" };
    const request = {
      model: "greeter",
      tools: [{ ...weather.function, type: "function" as const, strict: false }],
    };
    const first = await client.responses.stream({ ...request, input: "Weather?" }).finalResponse();
    const call = first.output[0];
    if (call?.type !== "function_call") throw new Error("expected a function call");
    expect(call).toMatchObject({ call_id: "call_1", name: "weather" });
    const second = await client.responses.create({
      ...request,
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id: call.call_id, output: "rain" }],
    });
    expect(second.output_text).toBe("It rains.");
    const stateless = await client.responses.create({
      ...request,
      store: false,
      input: [
        { role: "user", content: "Weather?" },
        call,
        { type: "function_call_output", call_id: call.call_id, output: "rain" },
      ],
    });
    expect(stateless.output_text).toBe("It rains.");
    expect(api.conversations.submitted[2]?.options?.history?.[1]).toMatchObject({
      role: "assistant",
      toolCalls: [weatherCall],
    });
  });

  test("an answer cut by its length is incomplete", async () => {
    api.conversations.answer = () => ({ text: "Goo", finish: "length" });
    const response = await client.responses.create({ model: "greeter", input: "hi" });
    expect(response.status).toBe("incomplete");
    expect(response.incomplete_details).toEqual({ reason: "max_output_tokens" });
  });
});

describe("a client that goes, and a model that thinks long", () => {
  test("the turn goes on when its client has gone", async () => {
    const gate = Promise.withResolvers<void>();
    api.conversations.answer = () => ({ deltas: ["Good "], text: "Good day", gate: gate.promise });
    const headers = { "x-holdfast-conversation": "gone" };
    const stream = await client.chat.completions.create(
      { model: "greeter", messages: [{ role: "user", content: "hi" }], stream: true },
      { headers },
    );
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content === "Good ") break;
    }
    const path = "/api/v1/orgs/demo/agents/greeter/conversations/gone";
    const committed = fetch(`${api.url}${path}/events`, {
      headers: { authorization: `Bearer ${api.demo}` },
    });
    const reader = (await committed).body!.pipeThrough(new TextDecoderStream()).getReader();
    gate.resolve();
    let seen = "";
    while (!seen.includes("event: committed")) seen += (await reader.read()).value ?? "";
    await reader.cancel();
    const history = await api.call("GET", `${path}/messages`);
    expect(history.json.messages[1].text).toBe("Good day");
  });

  test("a client that leaves before the first byte leaves nothing behind", async () => {
    const begun = Promise.withResolvers<void>();
    api.conversations.answer = () => {
      begun.resolve();
      return { gate: new Promise(() => {}) };
    };
    for (const path of ["/v1/chat/completions", "/v1/responses"]) {
      const abort = new AbortController();
      const body = { model: "greeter", stream: true };
      const input = path.endsWith("responses")
        ? { input: "hi" }
        : { messages: [{ role: "user", content: "hi" }] };
      const asked = api.call("POST", path, {
        body: { ...body, ...input },
        signal: abort.signal,
        token: api.demo,
      });
      await begun.promise;
      abort.abort();
      await expect(asked).rejects.toThrow();
    }
    const started = performance.now();
    await api.close();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("a long silence is filled, and a failure after it is an event", async () => {
    await api.close();
    api = await startTestApi({ heartbeatMs: 20 });
    const gate = Promise.withResolvers<void>();
    const fail = { code: "model_timeout", message: "The model sent nothing." };
    api.conversations.answer = () => ({ gate: gate.promise, fail });
    const response = await fetch(`${api.url}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.demo}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "greeter", input: "hi", stream: true }),
    });
    expect(response.status).toBe(200);
    gate.resolve();
    const text = await response.text();
    expect(text).toContain(": waiting");
    expect(text).toContain('event: error\ndata: {"type":"error"');
    expect(text).toContain("model_timeout");
  });
});

describe("models", () => {
  test("lists and finds what the token reaches", async () => {
    const list = await client.models.list();
    expect(list.data.map(({ id }) => id)).toEqual(["demo/greeter", "demo/writer"]);
    expect(await client.models.retrieve("demo/greeter")).toMatchObject({
      id: "demo/greeter",
      owned_by: "demo",
    });
    await expect(client.models.retrieve("other/greeter")).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
    const page = await api.call("GET", "/v1/models?after=demo/greeter&limit=1");
    expect(page.json).toMatchObject({ data: [{ id: "demo/writer" }], has_more: true });
  });

  test("a bare name fits one organization only; OpenClaw's names are understood", async () => {
    const ask = (model: string, token: string, headers = {}) =>
      api.call("POST", "/v1/chat/completions", {
        token,
        headers,
        body: { model, messages: [{ role: "user", content: "hi" }] },
      });
    expect((await ask("greeter", api.admin)).json.error.message).toContain("organization/agent");
    expect((await ask("writer", api.admin)).status).toBe(200);
    expect((await ask("openclaw/writer", api.demo)).status).toBe(200);
    expect((await ask("openclaw", api.demo)).status).toBe(404);
    const picked = await ask("openclaw", api.demo, { "x-openclaw-agent-id": "writer" });
    expect(picked.status).toBe(200);
    const other = (await api.tokens.create({ name: "o", organization: "other" })).token;
    expect((await ask("openclaw/default", other)).status).toBe(200);
  });
});
