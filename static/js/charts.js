// Draws every <canvas data-chart='{"labels": […], "series": [{"label", "data", "colour"}], "unit"}'> as stacked bars.
// The unit is "US$" or a word for what is counted; a colour is a place in SERIES, and may be left out.
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

  function draw(canvas) {
    var old = window.Chart.getChart(canvas);
    if (old) old.destroy();
    var wanted = JSON.parse(canvas.dataset.chart);
    var text = resolved("--tblr-body-color");
    var line = resolved("--tblr-border-color");
    var narrow = window.innerWidth < 576;
    var isMoney = wanted.unit === "US$";
    var written = isMoney ? money : count;
    new window.Chart(canvas, {
      type: "bar",
      data: {
        labels: wanted.labels,
        datasets: wanted.series.map(function (series, index) {
          var colour = SERIES[(series.colour === undefined ? index : series.colour) % SERIES.length];
          return { label: series.label, data: series.data, backgroundColor: colour, maxBarThickness: 36 };
        }),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        color: text,
        scales: {
          x: { stacked: true, grid: { display: false }, ticks: { color: text, maxTicksLimit: narrow ? 5 : 14, maxRotation: 0 } },
          y: { stacked: true, beginAtZero: true, suggestedMax: isMoney ? 0.01 : 1, border: { display: false }, grid: { color: line }, ticks: { color: text, maxTicksLimit: 6, precision: isMoney ? undefined : 0, callback: written } },
        },
        plugins: {
          legend: { display: wanted.series.length > 1, position: "bottom", labels: { color: text, boxWidth: 12 } },
          tooltip: { callbacks: { label: function (item) { return item.dataset.label + ": " + written(item.parsed.y); } } },
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
