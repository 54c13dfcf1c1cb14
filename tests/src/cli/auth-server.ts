export interface AuthServer {
  /** `host:port`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** The door of a registry that takes one name and password (RFC 7617). */
export function startAuthServer(username: string, password: string): AuthServer {
  const expected = `Basic ${btoa(`${username}:${password}`)}`;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      if (request.headers.get("authorization") === expected) return new Response("{}");
      return new Response('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', {
        status: 401,
        headers: { "www-authenticate": 'Basic realm="test"', "content-type": "application/json" },
      });
    },
  });
  return { host: `127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}
