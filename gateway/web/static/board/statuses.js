// The unified statuses in seven looks: each has a colour, a shape (board.css), a mark and a word.

export const LOOKS = [
  { look: "failed", word: "Failed", mark: "✕", statuses: ["FAILED", "TIMED_OUT", "REJECTED"] },
  { look: "errored", word: "Errored", mark: "!", statuses: ["ERRORED"] },
  { look: "active", word: "Running", mark: "▸", statuses: ["RUNNING", "CANCELING"] },
  { look: "waiting", word: "Waiting", mark: "…", statuses: ["PENDING", "QUEUED"] },
  { look: "ok", word: "Succeeded", mark: "✓", statuses: ["SUCCEEDED"] },
  { look: "canceled", word: "Canceled", mark: "–", statuses: ["CANCELED", "SKIPPED"] },
  { look: "unknown", word: "Unknown", mark: "?", statuses: ["UNKNOWN"] },
];

const byStatus = new Map(LOOKS.flatMap((one) => one.statuses.map((status) => [status, one])));

/** How a status looks; one that this page does not know looks unknown. */
export const lookOf = (status) => byStatus.get(status) ?? byStatus.get("UNKNOWN");

/** "timed out". */
export const wordOf = (status) => status.toLowerCase().replaceAll("_", " ");

/** Whether it has not ended. */
export const isOpen = (status) => ["active", "waiting"].includes(lookOf(status).look);
