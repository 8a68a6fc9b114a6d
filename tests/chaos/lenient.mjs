// A record of a gateway that sends no catchup to who gives no cursor: such a connection counts as told `joined`. Such a
// gateway knows no sessions and does not know since when a membership holds.

export function lenient(record) {
  const clients = record.clients.map((client) => {
    const log = [];
    client.log.forEach((entry, i) => {
      log.push(entry);
      if (entry.kind !== "connect" || entry.recovered) return;
      const next = client.log.slice(i + 1).find(({ kind }) => kind === "connect" || kind === "catchup");
      if (next?.kind === "catchup") return;
      log.push({ at: entry.at, kind: "catchup", recovered: false, programs: {}, id: undefined });
    });
    return { ...client, name: client.name, log };
  });
  return { ...record, clients, lenient: true };
}
