import { pageHeaders } from "../page-response.ts";
import { errorPage } from "./page.ts";

/** Whether an error is to be told to a person: not under the paths of programs, whatever they accept. */
export function wantsPage(request: Request): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const { pathname } = new URL(request.url);
  if (/^\/(v2|api|token|metrics|livez|readyz)(\/|$)/.test(pathname)) return false;
  const accepted = (request.headers.get("accept") ?? "").split(",").map(readPreference);
  const weightOf = (type: string): number =>
    accepted.find((entry) => entry.type === type)?.weight ??
    accepted.find((entry) => entry.type === `${type.split("/")[0]}/*`)?.weight ??
    0;
  const weight = weightOf("text/html");
  return weight > 0 && weight >= weightOf("application/json");
}

/** The same answer as a page: its status, its words, and when to try again. */
export async function toErrorPage(
  answer: Response,
  request: Request,
  host: string,
  hasUsers: boolean,
): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const [error] = (await answer.json()).errors;
  const page = errorPage({
    visitor: {
      host,
      path: pathname + search,
      name: undefined,
      maySignIn: hasUsers && (request.headers.get("authorization") === null || answer.status === 401),
    },
    status: answer.status,
    message: error.message,
    hint: answer.status === 401 ? undefined : error.detail?.hint,
  });
  const headers = new Headers({ ...pageHeaders, "cache-control": "no-store", vary: "authorization, accept" });
  for (const name of ["retry-after", "www-authenticate"]) {
    const value = answer.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(request.method === "HEAD" ? null : page.toString(), { status: answer.status, headers });
}

/** RFC 9110, 12.4.2: a weight of 1 where none is named. */
function readPreference(text: string): { readonly type: string; readonly weight: number } {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  return { type, weight: weight === undefined ? 1 : Number(weight) || 0 };
}
