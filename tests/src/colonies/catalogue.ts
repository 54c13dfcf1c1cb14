import type { ColoniesClient } from "@cpm/colonies";

type Call = (client: ColoniesClient) => Promise<unknown>;

const spec = { funcname: "f", conditions: { executortype: "t" } };

/** Every call of ColonyOS 1.9.12 for what the client covers, and the method that makes it. */
export const catalogue: Readonly<Record<string, Readonly<Record<string, Call>>>> = {
  server: {
    versionmsg: (client) => client.server.version(),
    getserverinfomsg: (client) => client.server.info(),
    getstatisticsmsg: (client) => client.server.statistics(),
    getclustermsg: (client) => client.server.cluster(),
  },
  "colonies and users": {
    addcolonymsg: (client) => client.server.addColony({ id: "x", name: "x" }),
    removecolonymsg: (client) => client.server.removeColony("x"),
    getcoloniesmsg: (client) => client.server.colonies(),
    getcolonymsg: (client) => client.colony.get(),
    getcolonystatsmsg: (client) => client.colony.statistics(),
    addusermsg: (client) => client.colony.addUser({ id: "x", name: "x" }),
    getusersmsg: (client) => client.colony.users(),
    getusermsg: (client) => client.colony.user("x"),
    getuserbyidmsg: (client) => client.colony.userById("x"),
    removeusermsg: (client) => client.colony.removeUser("x"),
    changeuseridmsg: (client) => client.colony.changeUserId("x"),
    changecolonyidmsg: (client) => client.colony.changeOwnerId("x"),
    pauseassignmentsmsg: (client) => client.colony.pauseAssignments(),
    resumeassignmentsmsg: (client) => client.colony.resumeAssignments(),
    getpausestatusmsg: (client) => client.colony.isPaused(),
  },
  executors: {
    addexecutormsg: (client) => client.executors.add({ id: "x", name: "x", type: "t" }),
    approveexecutormsg: (client) => client.executors.approve("x"),
    rejectexecutormsg: (client) => client.executors.reject("x"),
    removeexecutormsg: (client) => client.executors.remove("x"),
    getexecutorsmsg: (client) => client.executors.list(),
    getexecutormsg: (client) => client.executors.get("x"),
    getexecutorbyidmsg: (client) => client.executors.getById("x"),
    updateexecutormsg: (client) => client.executors.updateCapabilities("x", {}),
    reportallocationmsg: (client) => client.executors.reportAllocations("x", {}),
    changeexecutoridmsg: (client) => client.executors.changeId("x"),
  },
  functions: {
    addfunctionmsg: (client) => client.executors.addFunction({ name: "f", executorName: "x", executorType: "t" }),
    getfunctionsmsg: (client) => client.executors.functions(),
    removefunctionmsg: (client) => client.executors.removeFunction("x"),
  },
  processes: {
    submitfuncspecmsg: (client) => client.processes.submit(spec),
    assignprocessmsg: (client) => client.processes.assign(),
    getprocessmsg: (client) => client.processes.get("x"),
    getprocessesmsg: (client) => client.processes.list({ state: "waiting" }),
    getprocesshistmsg: (client) => client.processes.history(60, "waiting"),
    closesuccessfulmsg: (client) => client.processes.closeSuccessful("x"),
    closefailedmsg: (client) => client.processes.closeFailed("x", []),
    setoutputmsg: (client) => client.processes.setOutput("x", []),
    cancelprocessmsg: (client) => client.processes.cancel("x"),
    removeprocessmsg: (client) => client.processes.remove("x"),
    removeallprocessesmsg: (client) => client.processes.removeAll("waiting"),
  },
  workflows: {
    submitworkflowspecmsg: (client) => client.workflows.submit([spec]),
    getprocessgraphmsg: (client) => client.workflows.get("x"),
    getprocessgraphsmsg: (client) => client.workflows.list("waiting"),
    cancelprocessgraphmsg: (client) => client.workflows.cancel("x"),
    removeprocessgraphmsg: (client) => client.workflows.remove("x"),
    removeallprocessgraphsmsg: (client) => client.workflows.removeAll("waiting"),
    addchildmsg: (client) => client.workflows.addChild({ workflowId: "x", parentId: "x", spec }),
  },
  logs: {
    addlogmsg: (client) => client.processes.addLog("x", "x"),
    addexecutorlogmsg: (client) => client.logs.addForExecutor("x", "x"),
    getlogsmsg: (client) => client.logs.ofProcess("x"),
    searchlogsmsg: (client) => client.logs.search("x", 1),
  },
  "crons and generators": {
    addcronmsg: (client) => client.crons.add({ name: "x", functionSpecs: [spec] }),
    getcronmsg: (client) => client.crons.get("x"),
    getcronsmsg: (client) => client.crons.list(),
    runcronmsg: (client) => client.crons.run("x"),
    removecronmsg: (client) => client.crons.remove("x"),
    addgeneratormsg: (client) => client.generators.add({ name: "x", functionSpecs: [spec], trigger: 1 }),
    getgeneratormsg: (client) => client.generators.get("x"),
    resolvegeneratormsg: (client) => client.generators.resolve("x"),
    getgeneratorsmsg: (client) => client.generators.list(),
    packgeneratormsg: (client) => client.generators.pack("x", "x"),
    removegeneratormsg: (client) => client.generators.remove("x"),
  },
  attributes: {
    addattributemsg: (client) => client.processes.addAttribute({}),
    getattributemsg: (client) => client.processes.getAttribute("x"),
  },
  "files and snapshots": {
    addfilemsg: (client) => client.files.add({}),
    getfilemsg: (client) => client.files.get("/x", "x"),
    getfilesmsg: (client) => client.files.list("/x"),
    getfilelabelsmsg: (client) => client.files.labels(),
    removefilemsg: (client) => client.files.remove("/x", "x"),
    createsnapshotmsg: (client) => client.files.createSnapshot("/x", "x"),
    getsnapshotmsg: (client) => client.files.snapshot("x"),
    getsnapshotsmsg: (client) => client.files.snapshots(),
    removesnapshotmsg: (client) => client.files.removeSnapshot("x"),
    removeallsnapshotmsg: (client) => client.files.removeAllSnapshots(),
  },
  "definitions and blueprints": {
    addblueprintdefinitionmsg: (client) => client.blueprints.addDefinition("x", {}),
    getblueprintdefinitionmsg: (client) => client.blueprints.definition("x"),
    getblueprintdefinitionsmsg: (client) => client.blueprints.definitions(),
    removeblueprintdefinitionmsg: (client) => client.blueprints.removeDefinition("x"),
    addblueprintmsg: (client) => client.blueprints.add({ kind: "K", name: "x", spec: {} }),
    getblueprintmsg: (client) => client.blueprints.get("x"),
    getblueprintsmsg: (client) => client.blueprints.list(),
    updateblueprintmsg: (client) => client.blueprints.update({ kind: "K", name: "x", spec: {} }),
    removeblueprintmsg: (client) => client.blueprints.remove("x"),
    updateblueprintstatusmsg: (client) => client.blueprints.setStatus("x", {}),
    reconcileblueprintmsg: (client) => client.blueprints.reconcile("x"),
    getblueprinthistorymsg: (client) => client.blueprints.history("x"),
  },
};

/** Calls that the server has and the client has no method for; `ColoniesClient.call` makes them all the same. */
export const withoutMethod = [
  "changeserveridmsg",
  "addlocationmsg",
  "removelocationmsg",
  "getlocationsmsg",
  "getlocationmsg",
  "channelappendmsg",
  "channelreadmsg",
] as const;

export const coveredCalls: readonly string[] = Object.values(catalogue).flatMap((calls) => Object.keys(calls));
