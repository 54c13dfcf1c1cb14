import type { JsonObject } from "@cpm/base";
import { nullWhenEmpty, textIn } from "../colony-state.ts";
import type { ColonyState } from "../colony-state.ts";
import { Refusal } from "../refusal.ts";
import type { Row } from "../tables.ts";
import type { MethodTable } from "./method.ts";
import { empty } from "./method.ts";

const fileFields = { colonyname: "string", fileid: "string", label: "string", name: "string", latest: "bool" } as const;

/** File records and snapshots of them. The server never sees a file's bytes. */
export const fileMethods: MethodTable = {
  addfilemsg: {
    action: "add file",
    fields: {
      file: {
        struct: {
          colonyname: "string",
          label: "string",
          name: "string",
          size: "int",
          checksum: "string",
          checksumalg: "string",
          ref: "any",
        },
      },
    },
    run({ state, signer, message }) {
      const file = message["file"] as JsonObject;
      state.requireMember(signer, textIn(file, "colonyname"));
      const fileid = state.newId();
      return state.files.set(fileid, {
        fileid,
        ...file,
        sequencenr: state.files.filter(() => true).length + 1,
        added: state.now(),
      });
    },
  },
  getfilemsg: {
    action: "get file",
    fields: fileFields,
    run({ state, signer, message }) {
      const rows = versions(state, signer, message);
      if (rows.length === 0) throw new Refusal(404, "Failed to get file");
      return message["latest"] === true ? rows.slice(0, 1) : rows;
    },
  },
  getfilesmsg: {
    action: "get files",
    fields: { colonyname: "string", label: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      const rows = state.files.filter(
        (row) => row["colonyname"] === message["colonyname"] && row["label"] === message["label"],
      );
      return latestByName(rows).map((row) => ({
        name: row["name"] ?? "",
        checksum: row["checksum"] ?? "",
        size: row["size"] ?? 0,
        s3filename: "",
      }));
    },
  },
  getfilelabelsmsg: {
    action: "get file labels",
    fields: { colonyname: "string", name: "string", exact: "bool" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      const prefix = textIn(message, "name");
      const exact = message["exact"] === true && prefix !== "";
      const rows = state.files.filter(
        (row) =>
          row["colonyname"] === message["colonyname"] &&
          (exact ? isWithin(textIn(row, "label"), prefix) : textIn(row, "label").startsWith(prefix)),
      );
      // Versions are counted, not names.
      const labels = new Map<string, number>();
      for (const row of rows) labels.set(textIn(row, "label"), (labels.get(textIn(row, "label")) ?? 0) + 1);
      if (exact && !labels.has(prefix)) return null;
      return nullWhenEmpty([...labels].map(([name, files]) => ({ name, files })));
    },
  },
  removefilemsg: {
    action: "remove file",
    fields: fileFields,
    run({ state, signer, message }) {
      for (const row of versions(state, signer, message)) state.files.delete(textIn(row, "fileid"));
      return empty;
    },
  },
  createsnapshotmsg: {
    action: "create snapshot",
    fields: { colonyname: "string", label: "string", name: "string" },
    run({ state, signer, message }) {
      const [colonyName, name] = [textIn(message, "colonyname"), textIn(message, "name")];
      const label = textIn(message, "label").replace(/\/$/, "");
      state.requireMember(signer, colonyName);
      if (findSnapshot(state, message) !== undefined)
        throw new Refusal(500, `Snapshot with name <${name}> in Colony <${colonyName}> already exists`);
      const inside = state.files.filter(
        (row) => row["colonyname"] === colonyName && isWithin(textIn(row, "label"), label),
      );
      const snapshotid = state.newId();
      // The server looks below a label only where the label has a file itself.
      const own = inside.some((row) => row["label"] === label);
      const fileids = own ? latestByName(inside).map((row) => textIn(row, "fileid")) : null;
      return state.snapshots.set(snapshotid, {
        snapshotid,
        colonyname: colonyName,
        label,
        name,
        fileids,
        added: state.now(),
      });
    },
  },
  getsnapshotmsg: {
    action: "get snapshot",
    fields: { colonyname: "string", snapshotid: "string", name: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      const snapshot = findSnapshot(state, message);
      if (snapshot === undefined) {
        const [name, colonyName] = [textIn(message, "name"), textIn(message, "colonyname")];
        throw new Refusal(500, `Snapshot not found with name <${name}> in Colony <${colonyName}> does not exists`);
      }
      return snapshot;
    },
  },
  getsnapshotsmsg: {
    action: "get snapshots",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      return nullWhenEmpty(state.snapshots.filter((row) => row["colonyname"] === message["colonyname"]));
    },
  },
  removesnapshotmsg: {
    action: "remove snapshot",
    fields: { colonyname: "string", snapshotid: "string", name: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      const snapshot = findSnapshot(state, message);
      if (snapshot !== undefined) state.snapshots.delete(textIn(snapshot, "snapshotid"));
      return empty;
    },
  },
  removeallsnapshotmsg: {
    action: "remove snapshot",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      state.snapshots.deleteWhere((row) => row["colonyname"] === message["colonyname"]);
      return empty;
    },
  },
};

function versions(state: ColonyState, signer: string, message: JsonObject): Row[] {
  state.requireMember(signer, textIn(message, "colonyname"));
  const id = textIn(message, "fileid");
  const wanted = (row: Row) =>
    id === "" ? row["label"] === message["label"] && row["name"] === message["name"] : row["fileid"] === id;
  return state.files.filter((row) => row["colonyname"] === message["colonyname"] && wanted(row)).reverse();
}

function isWithin(label: string, folder: string): boolean {
  return label === folder || label.startsWith(`${folder}/`);
}

function latestByName(rows: readonly Row[]): Row[] {
  const latest = new Map<string, Row>();
  for (const row of rows) latest.set(`${textIn(row, "label")}\0${textIn(row, "name")}`, row);
  return [...latest.values()];
}

function findSnapshot(state: ColonyState, message: JsonObject): Row | undefined {
  const id = textIn(message, "snapshotid");
  return state.snapshots.find(
    (row) =>
      row["colonyname"] === message["colonyname"] &&
      (id === "" ? row["name"] === message["name"] : row["snapshotid"] === id),
  );
}
