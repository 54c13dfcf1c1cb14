const systems: Readonly<Record<string, string>> = { win32: "windows" };
const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** This machine as packages name it: `os/arch` in Go's names, such as linux/amd64. */
export function currentPlatform(): string {
  return `${systems[process.platform] ?? process.platform}/${architectures[process.arch] ?? process.arch}`;
}
