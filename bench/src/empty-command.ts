// Measured: the least that a compiled executable takes.
export {};
