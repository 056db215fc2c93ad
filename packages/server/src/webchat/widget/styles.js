/** In the widget's shadow alone: nothing of the page reaches in, and nothing reaches out. */
export const styles = `
:host {
  --accent: #3457e0; --on-accent: #ffffff;
  --surface: #ffffff; --raised: #f1f3f6; --ink: #171a20; --soft: #636b79; --line: #e3e6eb; --warn: #b3261e;
  --ring: color-mix(in srgb, var(--accent) 55%, var(--ink));
  --shadow: 0 1px 2px rgb(12 18 32 / 8%), 0 18px 50px -8px rgb(12 18 32 / 28%);
  color-scheme: light; font-size: 16px;
}
:host([data-theme="dark"]) {
  --surface: #16191f; --raised: #242932; --ink: #eceff4; --soft: #9ba4b3; --line: #2c323c; --warn: #ff9c92;
  --shadow: 0 0 0 1px rgb(255 255 255 / 7%), 0 18px 50px -8px rgb(0 0 0 / 70%);
  color-scheme: dark;
}
@media (prefers-color-scheme: dark) {
  :host([data-theme="auto"]) {
    --surface: #16191f; --raised: #242932; --ink: #eceff4; --soft: #9ba4b3; --line: #2c323c; --warn: #ff9c92;
    --shadow: 0 0 0 1px rgb(255 255 255 / 7%), 0 18px 50px -8px rgb(0 0 0 / 70%);
    color-scheme: dark;
  }
}
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
.hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
button, textarea { font: inherit; color: inherit; border: 0; background: none; padding: 0; margin: 0; }
button { cursor: pointer; -webkit-tap-highlight-color: transparent; }
button:focus-visible, .log:focus-visible, pre:focus-visible, .table:focus-visible, a:focus-visible {
  outline: 2px solid var(--ring); outline-offset: 2px; }
.log:focus-visible { outline-offset: -2px; }
.icon { width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 2.1; stroke-linecap: round;
  stroke-linejoin: round; display: block; }
.icon.filled { fill: currentColor; stroke: none; }

.launcher, .panel { position: fixed; z-index: 2147483000;
  font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.launcher { right: max(20px, env(safe-area-inset-right)); bottom: max(20px, env(safe-area-inset-bottom));
  width: 58px; height: 58px; border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; box-shadow: 0 2px 6px rgb(12 18 32 / 18%), 0 10px 28px -4px rgb(12 18 32 / 35%);
  transition: transform .16s ease; }
.launcher:hover { transform: translateY(-2px) scale(1.03); }
.launcher:active { transform: scale(.96); }
.launcher .icon { grid-area: 1 / 1; width: 28px; height: 28px; transition: opacity .16s, transform .16s; }
.launcher .icon:nth-of-type(2), :host([data-open]) .launcher .icon:nth-of-type(1) { opacity: 0; transform: scale(.6); }
:host([data-open]) .launcher .icon:nth-of-type(2) { opacity: 1; transform: none; }
.badge { position: absolute; top: -3px; right: -3px; min-width: 22px; height: 22px; padding: 0 6px; border-radius: 11px;
  background: #d92d20; color: #fff; font-size: 12px; font-weight: 700; line-height: 22px; text-align: center;
  box-shadow: 0 0 0 2px var(--surface); }

.panel { right: max(20px, env(safe-area-inset-right)); bottom: calc(max(20px, env(safe-area-inset-bottom)) + 72px);
  width: 392px; height: min(660px, calc(100vh - 116px)); height: min(660px, calc(100dvh - 116px));
  display: flex; flex-direction: column; overflow: hidden; border-radius: 20px; background: var(--surface);
  color: var(--ink); box-shadow: var(--shadow); line-height: 1.5; font-size: 15px; text-align: left;
  animation: rise .2s cubic-bezier(.2, .9, .3, 1); transform-origin: 100% 100%; }
header { display: flex; align-items: center; gap: 12px; padding: 14px 12px 14px 16px; flex: none;
  background: linear-gradient(rgb(255 255 255 / 9%), rgb(0 0 0 / 4%)) var(--accent); color: var(--on-accent); }
.avatar { flex: none; width: 38px; height: 38px; border-radius: 50%; display: grid; place-items: center;
  background: color-mix(in srgb, var(--on-accent) 18%, transparent); }
.avatar .icon { width: 21px; height: 21px; }
.names { flex: 1; min-width: 0; }
h2 { margin: 0; font-size: 16px; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.state { margin: 0; font-size: 12.5px; line-height: 1.35; display: flex; align-items: center; gap: 6px; }
.state::before { content: ""; flex: none; width: 7px; height: 7px; border-radius: 50%; background: #f5b63d; }
.panel[data-state="open"] .state::before { background: #4ade80; }
.panel[data-state="refused"] .state::before { background: currentColor; opacity: .6; }
.close { flex: none; width: 40px; height: 40px; border-radius: 50%; display: grid; place-items: center; }
.close:hover { background: color-mix(in srgb, var(--on-accent) 14%, transparent); }
header button:focus-visible { outline-color: var(--on-accent); outline-offset: -2px; }

.log { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 18px 16px 10px;
  display: flex; flex-direction: column; gap: 10px; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.log > :first-child { margin-top: auto; }
.log:empty { justify-content: center; align-items: center; text-align: center; gap: 4px; }
.log:empty::before { content: "How can we help?"; font-size: 19px; font-weight: 650; letter-spacing: -.015em; }
.log:empty::after { content: "Write a message: the answer comes here."; color: var(--soft); }
time { align-self: center; font-size: 12px; color: var(--soft); margin: 6px 0 2px; }
.message { align-self: flex-start; max-width: 86%; min-width: 0; display: flex; flex-direction: column;
  animation: appear .18s ease-out; }
.message.mine { align-self: flex-end; align-items: flex-end; }
.body { padding: 9px 14px; border-radius: 18px; border-end-start-radius: 6px; background: var(--raised); max-width: 100%;
  overflow-wrap: anywhere; }
.mine .body { background: var(--accent); color: var(--on-accent); border-end-start-radius: 18px;
  border-end-end-radius: 6px; }
.mine .body, .stream .body { white-space: pre-wrap; }
.mine[data-state="sending"] .body { opacity: .72; }
.mine[data-state="refused"] .body { background: transparent; color: var(--ink); box-shadow: inset 0 0 0 1.5px var(--warn); }
.note { margin: 3px 4px 0; font-size: 12px; line-height: 1.4; color: var(--soft); }
[data-state="refused"] .note { color: var(--warn); text-align: right; }
.again { text-decoration: underline; font-weight: 600; padding: 2px 0; }
.notice { margin: 4px 0; padding: 10px 14px; border-radius: 12px; font-size: 13.5px; color: var(--ink);
  background: color-mix(in srgb, var(--warn) 10%, var(--surface)); overflow-wrap: anywhere; }
.dots { display: inline-flex; gap: 5px; align-items: center; height: 1.5em; }
.dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--soft); animation: blink 1.2s infinite; }
.dots i:nth-child(2) { animation-delay: .16s; }
.dots i:nth-child(3) { animation-delay: .32s; }

.body :is(p, ul, ol, pre, blockquote, .table) { margin: 0 0 .65em; }
.body :is(h1, h2, h3, h4, h5, h6) { margin: .9em 0 .4em; font-size: 1em; font-weight: 680; line-height: 1.35;
  white-space: normal; }
.body h1 { font-size: 1.16em; }
.body h2 { font-size: 1.08em; }
.body :is(ul, ol) { padding-inline-start: 1.35em; }
.body li { margin: .2em 0; }
.body li > p { margin: 0 0 .3em; }
.body a { color: inherit; text-decoration: underline; text-underline-offset: 2px; text-decoration-thickness: 1px; }
.body a:hover { text-decoration-thickness: 2px; }
code { font: .88em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; padding: .12em .36em; border-radius: 6px;
  background: color-mix(in srgb, var(--ink) 9%, transparent); }
pre { overflow-x: auto; padding: 10px 12px; border-radius: 10px; background: color-mix(in srgb, var(--ink) 7%, var(--surface));
  border: 1px solid var(--line); }
pre code { padding: 0; background: none; white-space: pre; overflow-wrap: normal; }
blockquote { padding-inline-start: 12px; border-inline-start: 3px solid color-mix(in srgb, var(--accent) 60%, var(--line));
  color: var(--soft); }
hr { border: 0; border-top: 1px solid var(--line); margin: .8em 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .93em; }
th, td { padding: 5px 10px; border-bottom: 1px solid color-mix(in srgb, var(--ink) 14%, transparent); text-align: start;
  overflow-wrap: normal; }
th { font-weight: 650; }
:is(th, td):first-child { padding-inline-start: 0; }
tbody tr:last-child td { border-bottom: 0; padding-bottom: 0; }
[align="right"] { text-align: right; }
[align="center"] { text-align: center; }
.body > :first-child, .body :is(li, blockquote) > :first-child { margin-top: 0; }
.body > :last-child, .body :is(li, blockquote) > :last-child { margin-bottom: 0; }

form { flex: none; display: flex; align-items: flex-end; gap: 8px; margin: 4px 12px 12px; padding: 5px 5px 5px 16px;
  border-radius: 24px; background: var(--surface); box-shadow: inset 0 0 0 1px var(--line);
  transition: box-shadow .12s; }
form:focus-within { box-shadow: inset 0 0 0 1.5px var(--ring), 0 0 0 3.5px color-mix(in srgb, var(--accent) 22%, transparent); }
textarea { flex: 1; min-width: 0; resize: none; outline: 0; padding: 7px 0; line-height: 24px; max-height: 140px;
  font-size: 15px; overflow-y: auto; scrollbar-width: thin; }
textarea::placeholder { color: var(--soft); opacity: 1; }
.send { flex: none; width: 38px; height: 38px; border-radius: 50%; display: grid; place-items: center;
  background: var(--accent); color: var(--on-accent); transition: opacity .12s, background .12s; }
.send:disabled { background: var(--raised); color: var(--soft); cursor: default; }
.send .icon { width: 20px; height: 20px; stroke-width: 2.4; }

@media (max-width: 520px) {
  /* The screen's own width: a page that is too wide makes everything else wider, too. */
  .panel { inset: var(--top, 0) auto auto 0; width: 100vw; height: 100vh; height: var(--height, 100dvh); border-radius: 0; animation-name: appear;
    padding-bottom: env(safe-area-inset-bottom); }
  header { padding-top: max(12px, env(safe-area-inset-top)); }
  :host([data-open]) .launcher { display: none; }
  /* Below 16 pixels phones zoom into the field. */
  textarea { font-size: 16px; }
  .close { width: 44px; height: 44px; }
}
@keyframes rise { from { opacity: 0; transform: translateY(14px) scale(.97); } }
@keyframes appear { from { opacity: 0; } }
@keyframes blink { 0%, 60%, 100% { opacity: .35; transform: none; } 30% { opacity: 1; transform: translateY(-3px); } }
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { .panel, .body, form, .launcher { border: 1px solid; } }
`;
