/** The part of logic-solver 2 that the oracle uses; it brings no types. */
declare module "logic-solver" {
  type Formula = string | object;
  interface LogicSolution {
    getTrueVars(): string[];
  }
  class Solver {
    require(...formulas: Formula[]): void;
    forbid(...formulas: Formula[]): void;
    solve(): LogicSolution | null;
  }
  const Logic: {
    readonly Solver: typeof Solver;
    or(...formulas: Formula[]): Formula;
    implies(left: Formula, right: Formula): Formula;
    atMostOne(...formulas: Formula[]): Formula;
  };
  export default Logic;
}
