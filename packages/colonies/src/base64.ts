// A multiple of three, so that no piece ends with padding, and few enough for one call's arguments.
const stepBytes = 0x6000;

/** Base64 of bytes of any size: the platform's encoder takes text, which is built in pieces. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += stepBytes) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + stepBytes)));
  }
  return text;
}

/** Undefined for text that is not base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined; // The caller says what was not base64.
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
