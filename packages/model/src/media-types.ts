/** The media types of a package as an OCI artifact. */
export const packageMediaTypes = {
  artifact: "application/vnd.colonyos.cpm.package.v1",
  config: "application/vnd.colonyos.cpm.manifest.v1+json",
  layerZstd: "application/vnd.colonyos.cpm.content.v1.tar+zstd",
  layerGzip: "application/vnd.colonyos.cpm.content.v1.tar+gzip",
} as const;
