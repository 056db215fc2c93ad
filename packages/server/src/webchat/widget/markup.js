/** What the formatter of answers makes; everything else becomes its text. */
const allowedTags = new Set(
  "P BR HR STRONG EM DEL CODE PRE BLOCKQUOTE UL OL LI A H1 H2 H3 H4 H5 H6 TABLE THEAD TBODY TR TH TD".split(
    " ",
  ),
);
const droppedTags = new Set(
  "SCRIPT STYLE TEMPLATE IFRAME OBJECT EMBED NOSCRIPT SVG MATH".split(" "),
);
const allowedAlign = new Set(["left", "center", "right"]);
const allowedLink = /^(https?:|mailto:|tel:)/i;

/** Pages may demand that only named policies make HTML; the text is rebuilt below in any case. */
function makePolicy() {
  const factory = globalThis.trustedTypes;
  if (!factory) return { createHTML: (text) => text };
  try {
    return factory.createPolicy("holdfast-chat", { createHTML: (text) => text });
  } catch {
    return undefined;
  }
}

const policy = makePolicy();

/**
 * The HTML of an answer as nodes of our own: it was escaped where it was made, and is rebuilt here from known
 * elements alone, so that nothing which slipped through there could run. Undefined where the page forbids it.
 */
export function safeContent(html) {
  if (!policy) return undefined;
  let parsed;
  try {
    parsed = new DOMParser().parseFromString(policy.createHTML(html), "text/html");
  } catch {
    return undefined;
  }
  const fragment = document.createDocumentFragment();
  copyChildren(parsed.body, fragment);
  return fragment;
}

function copyChildren(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.append(node.textContent);
    else if (node.nodeType === Node.ELEMENT_NODE) copyElement(node, to);
  }
}

function copyElement(element, to) {
  const tag = element.tagName.toUpperCase();
  if (droppedTags.has(tag)) return;
  if (!allowedTags.has(tag)) return copyChildren(element, to);
  const copy = document.createElement(tag);
  copyChildren(element, copy);
  if (tag === "A") copyLink(element, copy);
  if (tag === "OL" && /^\d{1,9}$/.test(element.getAttribute("start") ?? "")) {
    copy.setAttribute("start", element.getAttribute("start"));
  }
  const align = element.getAttribute("align");
  if ((tag === "TD" || tag === "TH") && allowedAlign.has(align)) copy.setAttribute("align", align);
  // Wide tables and code scroll by themselves; whoever uses the keyboard must get there, too.
  if (tag === "PRE") copy.tabIndex = 0;
  if (tag === "TABLE") return to.append(scroller(copy));
  to.append(copy);
}

function copyLink(element, copy) {
  const href = element.getAttribute("href") ?? "";
  if (!allowedLink.test(href)) return;
  copy.setAttribute("href", href);
  copy.setAttribute("target", "_blank");
  copy.setAttribute("rel", "noopener noreferrer nofollow");
}

function scroller(table) {
  const box = document.createElement("div");
  box.className = "table";
  box.tabIndex = 0;
  box.append(table);
  return box;
}
