export { formatDiscord } from "./discord.ts";
export { formatEmail } from "./email.ts";
export { formatSignal } from "./signal.ts";
export { formatSlack } from "./slack.ts";
export { formatTelegram } from "./telegram.ts";
export { formatWeb } from "./web.ts";
export { formatWhatsApp } from "./whatsapp.ts";
