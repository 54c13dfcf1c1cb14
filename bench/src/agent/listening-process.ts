/** A process that has said where it listens. */
export interface ListeningProcess {
  readonly pid: number;
  /** What it said, as the pattern has taken it apart. */
  readonly said: RegExpExecArray;
  readonly stop: () => Promise<void>;
}

/** Starts a program and waits until its output has the pattern. Throws when it ends before. */
export async function startListening(command: readonly string[], pattern: RegExp): Promise<ListeningProcess> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "pipe", "inherit"] });
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
  };
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let text = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    text += decoder.decode(chunk.value, { stream: true });
    const said = pattern.exec(text);
    if (said !== null) return { pid: child.pid, said, stop };
  }
  await stop();
  throw new Error(`${command[0]} ended before it listened: ${text}`);
}
