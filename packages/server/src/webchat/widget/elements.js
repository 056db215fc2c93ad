/** Paths in a square of 24. */
export const icons = {
  chat: "M12 3.5c5 0 9 3.4 9 7.7s-4 7.7-9 7.7c-1 0-2-.15-2.9-.4L4.6 20.6a.5.5 0 0 1-.7-.6l1-3.3C3.7 15.3 3 13.4 3 11.2c0-4.3 4-7.7 9-7.7Z",
  close: "M6.5 9.5 12 15l5.5-5.5",
  send: "M12 19V5.5M6 11.2l6-6 6 6",
};

/** Elements made one by one: no HTML text, so no page policy can be in the way. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function icon(path, isFilled = false) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const shape = document.createElementNS(space, "path");
  for (const [name, value] of [
    ["viewBox", "0 0 24 24"],
    ["aria-hidden", "true"],
    ["class", isFilled ? "icon filled" : "icon"],
  ]) {
    svg.setAttribute(name, value);
  }
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
