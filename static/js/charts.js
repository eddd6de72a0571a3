// Draws every <canvas data-chart='{"labels": […], "series": [{"label", "data", "colour", "as"}], "unit"}'>.
// A series is a part of stacked bars, or as "line" a line (null leaves a gap), as "before" a thin line of what was before,
// as "volume" bars below the others, on a scale of their own. The unit is "US$", "%", "s" or a word for what is counted; a
// colour is a place in SERIES, and may be left out.
(function () {
  "use strict";
  // Differ in lightness too, so that they can be told apart without colour.
  var SERIES = ["#2a78b8", "#7fb9e6", "#17692a", "#e0a030", "#8b93a0"];

  // The kit's colours are oklch() or light-dark(), which Chart.js cannot read: a pixel of canvas can.
  function resolved(name) {
    var probe = document.createElement("span");
    probe.style.color = "var(" + name + ")";
    document.body.appendChild(probe);
    var colour = getComputedStyle(probe).color;
    probe.remove();
    var context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    var pixel = context.getImageData(0, 0, 1, 1).data;
    return "rgba(" + pixel[0] + "," + pixel[1] + "," + pixel[2] + "," + pixel[3] / 255 + ")";
  }

  function money(value) {
    return "$" + value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 7 });
  }

  function count(value) {
    return value.toLocaleString("en");
  }

  // The highest would stand on the zero of the scale above.
  function belowTop(value, index, ticks) {
    return index === ticks.length - 1 ? "" : count(value);
  }

  function percent(value) {
    return value.toLocaleString("en", { maximumFractionDigits: 1 }) + " %";
  }

  function seconds(value) {
    return value < 1 ? Math.round(value * 1000) + " ms" : value.toLocaleString("en", { maximumFractionDigits: 1 }) + " s";
  }

  var WRITTEN = { "US$": money, "%": percent, "s": seconds };

  function dataset(series, index, text) {
    var colour = SERIES[(series.colour === undefined ? index : series.colour) % SERIES.length];
    if (series.as === "before") {
      return { type: "line", label: series.label, data: series.data, borderColor: text, borderWidth: 1, borderDash: [4, 3], pointRadius: 0, pointHitRadius: 8, stack: "before", order: -1, yAxisID: "y" };
    }
    if (series.as === "line") {
      // A point alone between gaps has no line: it shows as a dot.
      return { type: "line", label: series.label, data: series.data, borderColor: colour, backgroundColor: colour, borderWidth: 2, pointRadius: 2, pointHitRadius: 8, stack: series.label, yAxisID: "y" };
    }
    return { type: "bar", label: series.label, data: series.data, backgroundColor: colour, maxBarThickness: 36, yAxisID: series.as === "volume" ? "volume" : "y" };
  }

  function scales(wanted, colours) {
    var narrow = window.innerWidth < 576;
    var written = WRITTEN[wanted.unit] || count;
    var hasVolume = wanted.series.some(function (series) { return series.as === "volume"; });
    var isCount = !WRITTEN[wanted.unit];
    var found = {
      x: { stacked: true, grid: { display: false }, ticks: { color: colours.text, maxTicksLimit: narrow ? 5 : 14, maxRotation: 0 } },
      y: { stacked: true, beginAtZero: true, suggestedMax: wanted.unit === "US$" ? 0.01 : 1, border: { display: false }, grid: { color: colours.line }, ticks: { color: colours.text, maxTicksLimit: 6, precision: isCount ? 0 : undefined, callback: written } },
    };
    if (wanted.unit === "%") found.y.max = 100;
    if (hasVolume) {
      // The scale that comes first is the lower one.
      Object.assign(found.y, { stack: "y", stackWeight: 3 });
      found.volume = { stack: "y", stackWeight: 1, grace: "20%", beginAtZero: true, border: { display: false }, grid: { color: colours.line }, ticks: { color: colours.text, maxTicksLimit: 3, precision: 0, callback: belowTop } };
    }
    return hasVolume ? { x: found.x, volume: found.volume, y: found.y } : found;
  }

  function draw(canvas) {
    var old = window.Chart.getChart(canvas);
    if (old) old.destroy();
    var wanted = JSON.parse(canvas.dataset.chart);
    var colours = { text: resolved("--tblr-body-color"), line: resolved("--tblr-border-color") };
    var written = WRITTEN[wanted.unit] || count;
    new window.Chart(canvas, {
      type: "bar",
      data: {
        labels: wanted.labels,
        datasets: wanted.series.map(function (series, index) { return dataset(series, index, colours.text); }),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        color: colours.text,
        scales: scales(wanted, colours),
        plugins: {
          legend: { display: wanted.series.length > 1, position: "bottom", labels: { color: colours.text, boxWidth: 12 } },
          tooltip: { callbacks: { label: function (item) { return item.dataset.label + ": " + (item.dataset.yAxisID === "volume" ? count : written)(item.parsed.y); } } },
        },
      },
    });
  }

  function drawAll(root) {
    root.querySelectorAll("canvas[data-chart]").forEach(draw);
  }

  document.addEventListener("DOMContentLoaded", function () { drawAll(document); });
  document.addEventListener("htmx:load", function (event) { if (document.readyState === "complete") drawAll(event.target); });
  document.addEventListener("htmx:beforeCleanupElement", function (event) {
    var chart = event.target.matches && event.target.matches("canvas[data-chart]") && window.Chart.getChart(event.target);
    if (chart) chart.destroy();
  });
  document.addEventListener("themechange", function () { drawAll(document); });
})();
