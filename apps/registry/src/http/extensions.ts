import { json } from "./answers.ts";

/**
 * What this registry answers under `/v2` beyond the distribution specification, as its extensions/_oci.md has it. The
 * package index is no extension of it: it stands under `/api/v1`.
 */
export function discoverExtensions(): Response {
  return json(200, {
    extensions: [
      {
        name: "_oci",
        description: "Which extensions there are.",
        url: "https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md",
        endpoints: ["_oci/ext/discover"],
      },
      {
        name: "_catalog",
        description: "The repositories that the caller may pull from.",
        url: "https://distribution.github.io/distribution/spec/api/#listing-repositories",
        endpoints: ["_catalog"],
      },
    ],
  });
}
