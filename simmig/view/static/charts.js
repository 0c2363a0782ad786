// Small charts: an RSU's prices over time, and how many requests there are at each time of the run.

// Steps of values over times, with a line at now. `values` are those of the given rows.
function stepChart(canvas, times, values, endS, nowS, colours) {
  const ratio = Math.min(devicePixelRatio || 1, 2), width = canvas.clientWidth || 280, height = canvas.clientHeight || 64;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const high = values.reduce((most, value) => Math.max(most, value), 0) || 1;
  const x = (timeS) => 2 + (timeS / Math.max(endS, 1e-9)) * (width - 4), y = (value) => height - 4 - (value / high) * (height - 18);
  context.strokeStyle = colours.grid;
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  context.beginPath();
  for (let k = 0; k < times.length; k++) {
    if (k > 0) context.lineTo(x(times[k]), y(values[k - 1]));
    else context.moveTo(x(times[0]), y(values[0]));
    context.lineTo(x(times[k]), y(values[k]));
  }
  if (times.length) context.lineTo(x(endS), y(values[times.length - 1]));
  context.strokeStyle = colours.accent;
  context.lineWidth = 1.3;
  context.stroke();
  context.strokeStyle = colours.moves;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x(nowS), 1);
  context.lineTo(x(nowS), height - 1);
  context.stroke();
  context.fillStyle = colours.muted;
  context.font = "10px system-ui, sans-serif";
  context.textBaseline = "top";
  context.fillText(`up to ${number(high, 3)}`, 5, 3);
}

// A bar for each stretch of time, as high as there are requests in it.
function densityChart(canvas, runs, endS, colours) {
  const ratio = Math.min(devicePixelRatio || 1, 2), width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d"), bars = Math.max(1, Math.floor(width / 4)), counts = new Uint32Array(bars);
  context.scale(ratio, ratio);
  for (const requestedS of runs) for (const timeS of requestedS) counts[Math.min(bars - 1, Math.floor((timeS / Math.max(endS, 1e-9)) * bars))]++;
  const high = counts.reduce((most, count) => Math.max(most, count), 1);
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.22;
  counts.forEach((count, k) => {
    const tall = (count / high) * (height - 4);
    context.fillRect(8 + (k * (width - 16)) / bars, height - tall, Math.max(1, (width - 16) / bars - 1), tall);
  });
}
