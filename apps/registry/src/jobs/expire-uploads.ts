import type { Uploads } from "../uploads.ts";
import type { Job } from "./job.ts";

const intervalMs = 10 * 60_000;
const expiredAtOnce = 1000;

/** Ends uploads of which nothing was heard for so long. */
export function expireUploads(uploads: Uploads, inactiveMs: number): Job {
  return {
    name: "expire-uploads",
    intervalMs,
    async step() {
      return (await uploads.expire(inactiveMs, expiredAtOnce)) < expiredAtOnce ? "done" : "more";
    },
  };
}
