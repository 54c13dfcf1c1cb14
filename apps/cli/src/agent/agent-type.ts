/** The type by which a colony knows executors that are agents. */
export const agentExecutorType = "cpm-agent";
