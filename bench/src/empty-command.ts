// Measured: the least that a compiled executable takes. There is nothing in it.
process.exitCode = 0;
