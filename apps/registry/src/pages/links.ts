/** `/packages/namespace/name`, with a version where one is given. Names and versions have no letter that a path escapes but `+`. */
export function packagePath(name: string, version?: string): string {
  return `/packages/${name}${version === undefined ? "" : `/${encodeURIComponent(version)}`}`;
}

export function namespacePath(namespace: string): string {
  return `/namespaces/${encodeURIComponent(namespace)}`;
}

export function searchPath(
  query: string,
  page = 1,
  filters: readonly { readonly key: string; readonly value: string }[] = [],
): string {
  const fields = new URLSearchParams(query === "" ? {} : { q: query });
  for (const { key, value } of filters) fields.append(key, value);
  if (page !== 1) fields.set("page", String(page));
  return fields.size === 0 ? "/" : `/?${fields}`;
}

/** An address that a page may link to: https and nothing else, whatever the author wrote. */
export function httpsLink(text: string | undefined): string | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { protocol, href, username, password } = new URL(text);
  return protocol === "https:" && username === "" && password === "" ? href : undefined;
}
