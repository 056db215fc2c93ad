import { limits } from "../limits.ts";

type Task = () => Promise<void>;

/**
 * Shares the node's turns fairly: agents take turns round robin, and none holds more than its share of
 * the places, so a flooded agent delays itself and not its neighbours.
 */
export class TurnScheduler {
  readonly #capacity: number;
  readonly #capacityPerAgent: number;
  /** Agents with tasks and a free place, in the order in which they are served. */
  readonly #ready = new Map<string, Task[]>();
  /** Agents with tasks that hold all their places. */
  readonly #held = new Map<string, Task[]>();
  readonly #running = new Map<string, number>();
  readonly #suspects: Task[] = [];
  #suspectRuns = false;
  #inFlight = 0;

  constructor(
    capacity: number = limits.turnsInFlight,
    capacityPerAgent: number = limits.turnsInFlightPerAgent,
  ) {
    this.#capacity = capacity;
    this.#capacityPerAgent = capacityPerAgent;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Runs the task when its agent's time has come. The task must not reject. */
  add(agent: string, task: Task): void {
    const tasks = this.#ready.get(agent) ?? this.#held.get(agent);
    if (tasks) tasks.push(task);
    else if (this.#isFull(agent)) this.#held.set(agent, [task]);
    else this.#ready.set(agent, [task]);
    this.#dispatch();
  }

  /**
   * Runs a task that may have crashed the node before. Such tasks run one at a time, so that the next
   * crash tells which of them it was.
   */
  addSuspect(task: Task): void {
    this.#suspects.push(task);
    this.#nextSuspect();
  }

  #nextSuspect(): void {
    if (this.#suspectRuns) return;
    const task = this.#suspects.shift();
    if (!task) return;
    this.#suspectRuns = true;
    void task().finally(() => {
      this.#suspectRuns = false;
      this.#nextSuspect();
    });
  }

  #dispatch(): void {
    while (this.#inFlight < this.#capacity && this.#ready.size > 0) {
      for (const [agent, tasks] of this.#ready) {
        this.#ready.delete(agent);
        const task = tasks.shift();
        if (!task) break;
        this.#inFlight += 1;
        this.#running.set(agent, (this.#running.get(agent) ?? 0) + 1);
        // Before the task begins: it may add another one of the same agent.
        if (tasks.length > 0) (this.#isFull(agent) ? this.#held : this.#ready).set(agent, tasks);
        this.#start(agent, task);
        break;
      }
    }
  }

  #start(agent: string, task: Task): void {
    void task().finally(() => {
      this.#inFlight -= 1;
      const left = (this.#running.get(agent) ?? 1) - 1;
      if (left === 0) this.#running.delete(agent);
      else this.#running.set(agent, left);
      const held = this.#held.get(agent);
      if (held) {
        this.#held.delete(agent);
        this.#ready.set(agent, held);
      }
      this.#dispatch();
    });
  }

  #isFull(agent: string): boolean {
    return (this.#running.get(agent) ?? 0) >= this.#capacityPerAgent;
  }
}
