interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The server's parser: seconds first, then the usual five (robfig/cron with `cron.Second`). */
const fields: readonly CronField[] = [
  { name: "seconds", min: 0, max: 59 },
  { name: "minutes", min: 0, max: 59 },
  { name: "hours", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: months },
  { name: "day of week", min: 0, max: 6, names: days },
];

const descriptors = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

interface CronFault {
  readonly message: string;
  readonly hint?: string;
}

/** What is wrong with a cron expression, in the server's dialect; undefined when nothing is. */
export function cronFault(text: string): CronFault | undefined {
  if (text.startsWith("@")) return descriptorFault(text);
  const parts = text.trim().split(/\s+/);
  if (parts.length !== fields.length) {
    const hint = parts.length === 5 ? `Put the seconds in front: "0 ${parts.join(" ")}".` : undefined;
    return {
      message: `a cron expression has six fields, this one has ${parts.length}`,
      ...(hint === undefined ? {} : { hint }),
    };
  }
  for (const [index, field] of fields.entries()) {
    const part = parts[index] ?? "";
    if (!part.split(",").every((range) => isRange(range, field))) {
      return {
        message: `"${part}" is not valid for ${field.name}`,
        hint: `Use ${field.min} to ${field.max}, *, ranges a-b, lists a,b and steps /n.`,
      };
    }
  }
  return impossibleDay(parts[3] ?? "", parts[4] ?? "", parts[5] ?? "");
}

/** A day that none of the months has, such as 30 February: the server would search for it in vain. */
function impossibleDay(day: string, month: string, weekday: string): CronFault | undefined {
  if (!/^\d+$/.test(day) || !/^[*?]$/.test(weekday)) return undefined;
  const lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const chosen = /^[\da-z]+$/i.test(month)
    ? valueOf(month, { name: "month", min: 1, max: 12, names: months })
    : undefined;
  if (chosen === undefined || Number(day) <= (lengths[chosen - 1] ?? 31)) return undefined;
  return { message: `month ${month} has no day ${day}`, hint: "Such a cron never runs." };
}

function descriptorFault(text: string): { message: string; hint: string } | undefined {
  if (descriptors.includes(text) || /^@every (\d+(\.\d+)?(h|m|s|ms))+$/.test(text)) return undefined;
  return { message: `"${text}" is not a descriptor`, hint: `There are ${descriptors.join(", ")} and @every 1h30m.` };
}

function isRange(text: string, field: CronField): boolean {
  const match = /^(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d+))?$/i.exec(text);
  if (match === null) return false;
  const [, first = "", last, step] = match;
  if (step !== undefined && Number(step) < 1) return false;
  if (first === "*" || first === "?") return last === undefined;
  const from = valueOf(first, field);
  const to = last === undefined ? from : valueOf(last, field);
  return from !== undefined && to !== undefined && from <= to;
}

function valueOf(text: string, field: CronField): number | undefined {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + field.min;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.min && value <= field.max ? value : undefined;
}
