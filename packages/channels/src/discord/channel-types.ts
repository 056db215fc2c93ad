const announcementThread = 10;
const publicThread = 11;
const privateThread = 12;

export function isThread(type: number): boolean {
  return type === announcementThread || type === publicThread || type === privateThread;
}
