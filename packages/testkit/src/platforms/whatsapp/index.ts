export { type FakeWhatsApp, type FakeWhatsAppOptions, startFakeWhatsApp } from "./fake-whatsapp.ts";
