import type { Page, WebSocketRoute } from "playwright-core";

/** The line between a page and the nodes, which can be cut, and can lose what the nodes say. */
export class BadLine {
  isCut = false;
  /** The page hears nothing while what it says arrives. */
  isDeaf = false;
  readonly #open = new Set<{ page: WebSocketRoute; node: WebSocketRoute }>();
  /** Frames of the page that arrived at a node. */
  readonly said: string[] = [];
  readonly #listeners = new Set<() => void>();

  static async of(page: Page): Promise<BadLine> {
    const line = new BadLine();
    await page.routeWebSocket(/\/ws$/, (route) => line.#take(route));
    await page.reload();
    return line;
  }

  cut(): void {
    this.isCut = true;
    for (const { page, node } of this.#open) {
      void page.close();
      void node.close();
    }
    this.#open.clear();
  }

  /** Resolves when a node was told something that holds the text. */
  heard(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.said.some((each) => each.includes(text))) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  #take(page: WebSocketRoute): void {
    if (this.isCut) return void page.close();
    const node = page.connectToServer();
    this.#open.add({ page, node });
    page.onMessage((frame) => {
      node.send(frame);
      this.said.push(String(frame));
      for (const look of this.#listeners) look();
    });
    node.onMessage((frame) => {
      if (!this.isDeaf) page.send(frame);
    });
  }
}
