import { type FakeModelServer, type ModelScript, startFakeModelServer } from "@holdfast/testkit";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { ChannelCluster } from "../channels/channel-cluster.ts";

const account = "site";
const browserPath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** What the agent of these tests answers: an answer of the list, word by word, or an echo. */
export const answers: Record<string, string> = {
  slow: Array.from({ length: 24 }, (_, number) => `word${number + 1}`).join(" "),
  markup: [
    "**Bold** and `code` <img src=x onerror=alert(1)> <script>window.hasRun = true</script>",
    "[a link](javascript:window.hasRun=true) and [another](https://example.org/?a=1&b=2)",
    "![picture](x onerror=alert(1))",
    "<svg onload=alert(1)></svg><a href='javascript:alert(1)'>click</a>",
  ].join("\n\n"),
};

function respond({ body }: { readonly body: Readonly<Record<string, any>> }): ModelScript {
  const messages = body["messages"] as { role: string; content: unknown }[];
  const { content } = messages.findLast(({ role }) => role === "user") ?? { content: "" };
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const answer = answers[text] ?? `You said: ${text}`;
  return { type: "text", chunks: answer.split(/(?<= )/) };
}

/** Three nodes, an agent behind a paced model, a web account, and a browser. */
export class ChatWorld {
  readonly cluster: ChannelCluster;
  readonly model: FakeModelServer;
  readonly browser: Browser;

  private constructor(cluster: ChannelCluster, model: FakeModelServer, browser: Browser) {
    this.cluster = cluster;
    this.model = model;
    this.browser = browser;
  }

  static async start(): Promise<ChatWorld> {
    const model = await startFakeModelServer({ respond, tokensPerSecond: 12 });
    const browser = await chromium.launch({
      executablePath: browserPath,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    const cluster = await ChannelCluster.start({ VISITORS: "a-secret-of-the-page" });
    const world = new ChatWorld(cluster, model, browser);
    await cluster.apply([
      { kind: "Organization", name: "acme" },
      {
        kind: "Provider",
        organization: "acme",
        name: "paced",
        type: "openai-compatible",
        baseUrl: model.url,
      },
      { kind: "Agent", organization: "acme", name: "helper", model: "paced/any" },
      world.account(account),
    ]);
    return world;
  }

  get nodes() {
    return this.cluster.file.nodes;
  }

  account(name: string, settings: object = {}, more: object = {}) {
    return {
      kind: "Account",
      organization: "acme",
      name,
      channel: "web",
      agent: "helper",
      access: { direct: "open" },
      settings: {
        title: "Example help",
        allowedOrigins: ["https://www.example.org"],
        addresses: this.nodes.map(({ url }) => url),
        ...settings,
      },
      ...more,
    };
  }

  /** The node's demo page, in a browser that knows nothing yet unless a context is given. */
  async open(node = 0, name = account, context?: BrowserContext): Promise<ChatPage> {
    const own = context ?? (await this.browser.newContext({ ignoreHTTPSErrors: true }));
    const page = await own.newPage();
    const chat = new ChatPage(page);
    await page.goto(`${this.nodes[node]?.url}/chat/acme/${name}`);
    return chat;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.cluster.close();
    await this.model.close();
  }
}

/** One page that shows the chat, as people use it. */
export class ChatPage {
  readonly page: Page;
  /** Origins of the nodes that it was connected to, the present one last. */
  readonly nodes: string[] = [];
  /** Everything the server told. */
  readonly frames: Record<string, unknown>[] = [];
  readonly faults: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("websocket", (socket) => {
      this.nodes.push(new URL(socket.url()).origin.replace(/^ws/, "http"));
      socket.on("framereceived", ({ payload }) => {
        this.frames.push(JSON.parse(String(payload)) as Record<string, unknown>);
      });
    });
    page.on("pageerror", (error) => this.faults.push(error.message));
    page.on("dialog", (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  get input() {
    return this.page.getByLabel("Message", { exact: true });
  }

  get messages() {
    return this.page.locator(".message:not(.stream) .body");
  }

  async say(text: string): Promise<void> {
    await this.input.fill(text);
    await this.input.press("Enter");
  }

  /** Resolves when there is a message with this text and none is on its way. */
  async shows(text: string): Promise<void> {
    await this.messages.filter({ hasText: text }).last().waitFor();
  }

  texts(): Promise<string[]> {
    return this.messages.allTextContents();
  }

  online(): Promise<void> {
    return this.page.locator('.panel[data-state="open"]').waitFor();
  }

  get conversation(): string {
    const { conversation } = this.frames.find(({ type }) => type === "welcome") ?? {};
    return String(conversation).replace(/#.*/, "");
  }
}
