import { expect, test } from "bun:test";
import { cronFault } from "./cron-expression.ts";

test.each([
  "0 0 3 * * *",
  "*/5 * * * * *",
  "0 0,30 8-18/2 1,15 jan-mar mon-fri",
  "0 0 0 ? * SUN",
  "59 59 23 31 12 6",
  "0 0 3 29 2 *",
  "0 0 3 31 * *",
  "0 0 3 30 2 mon",
  "5/15 * * * * *",
  "@hourly",
  "@midnight",
  "@every 1h30m",
  "@every 90s",
])("%s is taken", (text) => {
  expect(cronFault(text)).toBeUndefined();
});

test.each<[string, string]>([
  ["0 3 * * *", 'a cron expression has six fields, this one has 5 Put the seconds in front: "0 0 3 * * *".'],
  ["0 0 3 * * * 2026", "a cron expression has six fields, this one has 7"],
  ["", "a cron expression has six fields, this one has 1"],
  ["60 * * * * *", '"60" is not valid for seconds Use 0 to 59'],
  ["* * 24 * * *", '"24" is not valid for hours'],
  ["* * * 0 * *", '"0" is not valid for day of month'],
  ["* * * * 13 *", '"13" is not valid for month'],
  ["* * * * * 7", '"7" is not valid for day of week'],
  ["* * * * foo *", '"foo" is not valid for month'],
  ["5-1 * * * * *", '"5-1" is not valid for seconds'],
  ["*/0 * * * * *", '"*/0" is not valid for seconds'],
  ["1,,2 * * * * *", '"1,,2" is not valid for seconds'],
  ["-1 * * * * *", '"-1" is not valid for seconds'],
  ["* * * L * *", '"L" is not valid for day of month'],
  ["0 0 3 31 4 *", "month 4 has no day 31"],
  ["0 0 3 30 feb ?", "month feb has no day 30"],
  ["@hourlyy", '"@hourlyy" is not a descriptor'],
  ["@every", '"@every" is not a descriptor'],
  ["@every soon", '"@every soon" is not a descriptor'],
])("%j is refused: %s", (text, expected) => {
  const fault = cronFault(text);
  expect(`${fault?.message} ${fault?.hint ?? ""}`.trim()).toStartWith(expected);
});
