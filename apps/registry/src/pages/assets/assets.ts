import { encodeUtf8 } from "@cpm/base";
import { createHash } from "node:crypto";
import script from "./copy.js" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import style from "./site.css" with { type: "text" };

export interface Asset {
  readonly path: string;
  readonly contentType: string;
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Each path has the hash of what is there, so a browser may keep it for ever. */
export const assets = {
  style: createAsset("site", "css", "text/css; charset=utf-8", style),
  script: createAsset("copy", "js", "text/javascript; charset=utf-8", script),
  icon: createAsset("icon", "svg", "image/svg+xml", icon),
};

const byPath: ReadonlyMap<string, Asset> = new Map(Object.values(assets).map((asset) => [asset.path, asset]));

export function findAsset(pathname: string): Asset | undefined {
  return byPath.get(pathname);
}

function createAsset(name: string, extension: string, contentType: string, text: string): Asset {
  const bytes = encodeUtf8(text);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  return { path: `/assets/${name}-${hash}.${extension}`, contentType, etag: `"${hash}"`, bytes };
}
