const depthMax = 50;

/**
 * Finds an arithmetic expression (+ - * / and parentheses) in a sentence such as "What is 2 + 3?".
 * Undefined when there is none with at least one operator, or it is broken or has no finite value.
 */
export function evaluateArithmetic(
  sentence: string,
): { readonly expression: string; readonly value: string } | undefined {
  const found = /[\d(][\d\s.+\-*/()×÷]*/.exec(sentence)?.[0].trim();
  if (!found || found.length > 200 || !/\d\s*\)*\s*[+\-*/×÷]/.test(found)) return undefined;
  const parser = createParser(found.replaceAll("×", "*").replaceAll("÷", "/"));
  const value = parser.sum(0);
  if (value === undefined || !parser.atEnd() || !Number.isFinite(value)) return undefined;
  return { expression: found, value: String(Number(value.toPrecision(12))) };
}

/** Recursive descent; every rule gives undefined where the text does not fit it. */
function createParser(text: string) {
  let at = 0;
  const peek = () => {
    while (text[at] === " ") at++;
    return text[at];
  };
  const chain = (
    next: () => number | undefined,
    operators: Readonly<Record<string, (left: number, right: number) => number>>,
  ) => {
    let left = next();
    for (;;) {
      const apply = operators[peek() ?? ""];
      if (left === undefined || apply === undefined) return left;
      at++;
      const right = next();
      left = right === undefined ? undefined : apply(left, right);
    }
  };
  const sum = (depth: number): number | undefined =>
    chain(() => product(depth), { "+": (a, b) => a + b, "-": (a, b) => a - b });
  const product = (depth: number) =>
    chain(() => factor(depth), { "*": (a, b) => a * b, "/": (a, b) => a / b });
  const factor = (depth: number): number | undefined => {
    if (depth > depthMax) return undefined;
    if (peek() === "-") {
      at++;
      const value = factor(depth + 1);
      return value === undefined ? undefined : -value;
    }
    if (peek() === "(") {
      at++;
      const value = sum(depth + 1);
      if (peek() !== ")") return undefined;
      at++;
      return value;
    }
    const digits = /^\d+(\.\d+)?/.exec(text.slice(at))?.[0];
    at += digits?.length ?? 0;
    return digits === undefined ? undefined : Number(digits);
  };
  return { sum, atEnd: () => peek() === undefined };
}
