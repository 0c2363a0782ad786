// The columns of a run out of their text: base64, deflate, bytes in planes, differences.

const ARRAYS = { f8: Float64Array, f4: Float32Array, i8: Float64Array, i4: Int32Array, u1: Uint8Array };
const MOMENT_NAMES = ["decided", "transferStart", "transferEnd", "queued", "serviceStart", "ended"]; // after the request

async function unpack(layout, text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const columns = {};
  let offset = 0;
  for (const [name, type, count] of layout) {
    const column = new ARRAYS[type](count);
    if (type === "i8") joinPlanes(bytes, offset, column);
    else {
      const size = column.BYTES_PER_ELEMENT, into = new Uint8Array(column.buffer);
      for (let plane = 0; plane < size; plane++) {
        for (let k = 0, at = plane, from = offset + plane * count; k < count; k++, at += size) into[at] = bytes[from + k];
      }
    }
    offset += count * (type === "i8" ? 8 : column.BYTES_PER_ELEMENT);
    if (type === "i4") for (let k = 1; k < count; k++) column[k] += column[k - 1];
    columns[name] = column;
  }
  return withDelays(withSeconds(columns));
}

// Integers of 8 bytes as numbers, exact up to 2^53: 104 days in nanoseconds.
function joinPlanes(bytes, offset, column) {
  const count = column.length;
  for (let plane = 7; plane >= 0; plane--) {
    const from = offset + plane * count;
    for (let k = 0; k < count; k++) {
      const byte = bytes[from + k];
      column[k] = plane === 7 ? (byte << 24) >> 24 : column[k] * 256 + byte;
    }
  }
}

// The moments of migrations in seconds, NaN where they were not reached.
function withSeconds(columns) {
  const previous = columns.requestedNs;
  for (let k = 1; k < previous.length; k++) previous[k] += previous[k - 1];
  columns.requestedS = previous.map((ns) => ns / 1e9);
  for (const name of MOMENT_NAMES) {
    columns[`${name}S`] = columns[`${name}Ns`].map((ns, k) => {
      if (ns < 0) return NaN;
      previous[k] += ns;
      return previous[k] / 1e9;
    });
    delete columns[`${name}Ns`];
  }
  delete columns.requestedNs;
  return columns;
}

// The parts of the delay as the tables have them: differences of seconds, NaN where the end was not reached.
function withDelays(columns) {
  const { requestedS, decidedS, transferStartS, transferEndS, queuedS, serviceStartS, endedS, migrationOutcome } = columns;
  const minus = (a, b) => a.map((value, k) => value - b[k]);
  const completedS = endedS.map((value, k) => (DONE.includes(migrationOutcome[k]) ? value : NaN));
  columns.decisionDelayS = minus(decidedS, requestedS);
  columns.transferDelayS = minus(transferEndS, transferStartS);
  columns.queueDelayS = minus(serviceStartS, queuedS);
  columns.reinstantiationDelayS = minus(completedS, serviceStartS);
  columns.totalDelayS = minus(completedS, requestedS);
  return columns;
}

// How many values are at most the limit, in values that do not fall.
function countUpTo(values, limit, low = 0, high = values.length) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
