/** A server of others that ends with the process of the tests, however that ends: the runner calls nobody at its end. */
export interface BoundServer {
  /** Undefined while it runs. */
  readonly exitCode: number | undefined;
  /** At once, as a crash would; its folder stays. */
  end(): Promise<void>;
}

/** Told nothing but the end of its input, it removes the folder as well. A signal to all is not to leave the server alone. */
const script = `
  trap '' HUP INT TERM
  folder=$1; shift
  "$@" </dev/null & server=$!
  read -r word
  kill -QUIT $server; wait $server
  [ "$word" = end ] || rm -rf "$folder"`;

/** Runs the command until it is ended. What it keeps is in the folder. */
export function startBoundServer(
  command: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): BoundServer {
  const child = Bun.spawn(["sh", "-c", script, "sh", folder, ...command], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.unref();
  return {
    get exitCode() {
      return child.exitCode ?? undefined;
    },
    async end() {
      void child.stdin.write("end\n");
      await child.stdin.end();
      await child.exited;
    },
  };
}
