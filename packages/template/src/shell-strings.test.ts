import { describe, expect, test } from "bun:test";
import { manifestWith, staticFaults } from "./testing/templates.ts";

const manifest = manifestWith([
  "{key: text, type: string, default: x}",
  "{key: count, type: int, default: 1}",
  "{key: on, type: bool, default: true}",
  "{key: list, type: list, default: [a]}",
]);

/** How many expressions of a function call are refused as shell code. */
function refused(executor: string, call: string): number {
  const text = `kind: Function\nname: f\nspec: {funcname: execute, conditions: {executortype: ${executor}}, ${call}}\n`;
  const codes = staticFaults(text, manifest).map((fault) => fault.split(" ")[0]);
  expect(codes.filter((code) => !["template/unused-input", "template/shell-injection"].includes(code ?? ""))).toEqual(
    [],
  );
  return codes.filter((code) => code === "template/shell-injection").length;
}

const x = "'${inputs.text}'";

describe("an executor that starts programs itself", () => {
  test.each<[string, number]>([
    // Safe: no shell ever reads these.
    [`kwargs: {cmd: ${x}}`, 0],
    [`kwargs: {cmd: '\${package.path}/run.sh', args: [${x}]}`, 0],
    [`kwargs: {cmd: /bin/ls, args: [-l, ${x}, 'a \${inputs.text} b; c']}`, 0],
    [`kwargs: {cmd: sh, args: [script.sh, ${x}]}`, 0],
    [`kwargs: {cmd: sh, args: [-e, ${x}]}`, 0],
    [`kwargs: {cmd: gcc, args: [-c, ${x}]}`, 0],
    [`kwargs: {cmd: tar, args: [-xzc, ${x}]}`, 0],
    [`kwargs: {cmd: '\${package.path}/bin/tool', args: [-c, ${x}]}`, 0],
    [`kwargs: {cmd: sh, args: [-c, 'echo "$1"', _, ${x}]}`, 0],
    [`kwargs: {cmd: sh, args: [-c, echo, sh, -c, ${x}]}`, 1],
    [`kwargs: {cmd: bash, args: [--version, ${x}]}`, 0],
    [`kwargs: {cmd: env, args: ['A=\${inputs.text}', sh, -c, 'echo $A']}`, 0],
    // The script after -c, in all its spellings.
    [`kwargs: {cmd: sh, args: [-c, ${x}]}`, 1],
    [`kwargs: {cmd: sh, args: [-c, 'echo \${inputs.text} \${inputs.text}']}`, 2],
    [`kwargs: {cmd: /bin/bash, args: [-lc, ${x}]}`, 1],
    [`kwargs: {cmd: bash, args: [-ec, ${x}]}`, 1],
    [`kwargs: {cmd: sh, args: [-e, -c, ${x}]}`, 1],
    [`kwargs: {cmd: sh, args: [-c, -e, ${x}]}`, 1],
    [`kwargs: {cmd: sh, args: [-c, --, ${x}]}`, 1],
    [`kwargs: {cmd: bash, args: [-euo, pipefail, -c, ${x}]}`, 1],
    [`kwargs: {cmd: bash, args: [-o, errexit, -c, ${x}]}`, 1],
    [`kwargs: {cmd: bash, args: [--norc, -c, ${x}]}`, 1],
    [`kwargs: {cmd: zsh, args: [-c, 'print \${inputs.text}', a]}`, 1],
    // A shell that something else starts.
    [`kwargs: {cmd: env, args: [sh, -c, ${x}]}`, 1],
    [`kwargs: {cmd: /usr/bin/env, args: [-i, A=b, bash, -c, ${x}]}`, 1],
    [`kwargs: {cmd: timeout, args: ["5", bash, -lc, ${x}]}`, 1],
    [`kwargs: {cmd: nice, args: [-n, "5", sh, -c, ${x}]}`, 1],
    [`kwargs: {cmd: busybox, args: [sh, -c, ${x}]}`, 1],
    [`kwargs: {cmd: env, args: [-S, 'sh -c \${inputs.text}']}`, 1],
    [`kwargs: {cmd: 'sh -c "echo \${inputs.text}"'}`, 1],
    // A program that is not known may be a shell.
    [`kwargs: {cmd: ${x}, args: [-c, ${x}]}`, 1],
    [`kwargs: {cmd: sh, args: '\${inputs.list}'}`, 1],
    // Arguments that come and go.
    [`kwargs: {cmd: sh, args: [{$if: '\${inputs.on}', $value: -c}, ${x}]}`, 1],
    [`kwargs: {cmd: sh, args: [-c, {$if: '\${inputs.on}', $value: ${x}}]}`, 1],
    [`kwargs: {cmd: sh, args: [-c, {$for: {a: '\${inputs.list}'}, $value: 'x \${inputs.text}'}]}`, 1],
    [`kwargs: {cmd: {$if: '\${inputs.on}', $value: sh}, args: [-c, ${x}]}`, 1],
    // The arguments of the call itself.
    [`args: [sh, -c, ${x}]`, 1],
    [`args: [ls, ${x}]`, 0],
  ])("%s: %d refused", (call, count) => {
    expect(refused("local-executor", call)).toBe(count);
    expect(refused("my-worker", call)).toBe(count);
  });
});

describe("an executor of containers, which joins everything and gives it to a shell", () => {
  test.each<[string, number]>([
    [`kwargs: {docker-image: ${x}, cmd: ls}`, 0],
    [`kwargs: {cmd: ${x}}`, 1],
    [`kwargs: {cmd: 'ls \${inputs.text}'}`, 1],
    [`kwargs: {cmd: ls, init-cmd: ${x}}`, 1],
    [`kwargs: {cmd: ls, args: [${x}, 'a \${inputs.text}']}`, 2],
    [`kwargs: {cmd: ls, args: ['\${inputs.list}']}`, 1],
    [`kwargs: {cmd: ls, args: '\${inputs.list}'}`, 1],
    // Digits and words cannot be code.
    [`kwargs: {cmd: ls, args: ['\${inputs.count}', '\${inputs.on}']}`, 0],
    [`kwargs: {cmd: ls, args: ['\${inputs.count + 1}', '\${1.5}']}`, 0],
    [`kwargs: {cmd: ls}, env: {A: ${x}}`, 0],
  ])("%s: %d refused", (call, count) => {
    expect(refused("container-executor", call)).toBe(count);
    expect(refused("my-container-executor", call)).toBe(count);
  });

  test("is known by its image where its type is not written out", () => {
    expect(refused("'${inputs.text}'", `kwargs: {docker-image: a, cmd: ${x}}`)).toBe(1);
    expect(refused("'${inputs.text}'", `kwargs: {cmd: ${x}}`)).toBe(0);
  });
});

test("the hint says what to do instead, and the place is the expression", () => {
  const text = `kind: Function\nname: f\nspec:\n  funcname: execute\n  conditions: {executortype: w}\n  kwargs:\n    cmd: sh\n    args: [-c, "echo \${inputs.text}"]\n`;
  expect(staticFaults(text, manifest)[0]).toBe("template/shell-injection 8:22");
});
