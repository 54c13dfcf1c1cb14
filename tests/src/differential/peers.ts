import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Another program that unpacks tar, and how it is asked to: it reads `archive` and writes below `target`. */
export interface Peer {
  readonly name: string;
  readonly command: (archive: string, target: string) => readonly string[];
}

const python = `
import sys, tarfile
with tarfile.open(sys.argv[1], "r:") as archive:
    archive.extractall(sys.argv[2], filter="data")
`;

/** Go's archive/tar has no extractor: this one does what its documentation shows. */
const go = `package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(archive, target string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("not local: %q", header.Name)
		}
		path := filepath.Join(target, header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.Mkdir(path, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(header.Linkname, path)
		case tar.TypeReg:
			err = write(path, reader, os.FileMode(header.Mode).Perm())
		default:
			err = fmt.Errorf("type %q", header.Typeflag)
		}
		if err != nil {
			return err
		}
	}
}

func write(path string, content io.Reader, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	return file.Close()
}
`;

/** The peers that this machine has; the names of those that it lacks. */
export function findPeers(scratch: string): { readonly present: readonly Peer[]; readonly absent: readonly string[] } {
  const candidates: readonly (Peer | string)[] = [
    gnuTar() ?? "GNU tar",
    bsdTar() ?? "bsdtar",
    goTar(scratch) ?? "Go",
    pythonTar(scratch) ?? "Python",
  ];
  return {
    present: candidates.filter((peer) => typeof peer !== "string"),
    absent: candidates.filter((peer) => typeof peer === "string"),
  };
}

function gnuTar(): Peer | undefined {
  const path = Bun.which("tar");
  if (path === null || !output([path, "--version"]).includes("GNU tar")) return undefined;
  return {
    name: "GNU tar",
    command: (archive, target) => [path, "-x", "--no-same-owner", "-f", archive, "-C", target],
  };
}

function bsdTar(): Peer | undefined {
  const path = Bun.which("bsdtar");
  return path === null
    ? undefined
    : { name: "bsdtar", command: (archive, target) => [path, "-x", "-o", "-f", archive, "-C", target] };
}

function pythonTar(scratch: string): Peer | undefined {
  const path = Bun.which("python3");
  if (path === null || output([path, "-c", "import tarfile; print(tarfile.data_filter)"]) === "") return undefined;
  const script = join(scratch, "untar.py");
  writeFileSync(script, python);
  return { name: "Python", command: (archive, target) => [path, script, archive, target] };
}

function goTar(scratch: string): Peer | undefined {
  const path = Bun.which("go");
  if (path === null) return undefined;
  const folder = join(scratch, "untar");
  mkdirSync(folder);
  writeFileSync(join(folder, "main.go"), go);
  writeFileSync(join(folder, "go.mod"), "module untar\n\ngo 1.21\n");
  const built = Bun.spawnSync([path, "build", "-o", "untar", "."], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" },
  });
  if (built.exitCode !== 0) throw new Error(`the Go extractor does not build: ${built.stderr.toString()}`);
  return { name: "Go", command: (archive, target) => [join(folder, "untar"), archive, target] };
}

function output(command: string[]): string {
  const result = Bun.spawnSync(command);
  return result.exitCode === 0 ? result.stdout.toString() : "";
}
