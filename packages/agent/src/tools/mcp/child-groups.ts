/** Process groups of the MCP servers that run, so that none outlives this process. */
const groups = new Set<number>();

export function rememberGroup(pid: number): void {
  if (groups.size === 0) process.once("exit", killAll);
  groups.add(pid);
}

/** Ends what is left of a group whose leader is gone. */
export function forgetGroup(pid: number): void {
  if (!groups.delete(pid)) return;
  signalGroup(pid, "SIGKILL");
  if (groups.size === 0) process.removeListener("exit", killAll);
}

/** Sends a signal to every process of the group; a group that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function killAll(): void {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
}
