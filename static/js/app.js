// Small helps for pages that work without them: copying, ticking while something runs, submitting selects, messages.
(function () {
  "use strict";

  // The words stand in the page, which knows the language: `name` is the one of theirs.
  function say(name, tone, id) {
    var box = document.getElementById("toasts");
    if (!box) return;
    var line = document.createElement("p");
    line.className = "note status-" + (tone || "run");
    line.textContent = box.dataset[name].replace("{id}", id);
    box.appendChild(line);
    window.setTimeout(function () { line.remove(); }, 6000);
  }

  // ------------------------------------------------------------------ copying
  function textOf(element) {
    return "value" in element ? element.value : element.textContent;
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button) return;
    var source = document.querySelector(button.dataset.copy);
    if (!source) return;
    copy(source).then(
      function () { say("copied", "ok"); },
      function () { say("noCopy", "warn"); }
    );
  });

  function copy(source) {
    if (navigator.clipboard) return navigator.clipboard.writeText(textOf(source));
    // Plain http on another machine's address has no clipboard; the old way still works there.
    if ("select" in source) source.select();
    else window.getSelection().selectAllChildren(source);
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject();
  }

  // ------------------------------------------------------------------- ticking
  // Parts that wait for something listen to these; a hidden tab asks for nothing.
  function tick(name, milliseconds) {
    window.setInterval(function () {
      if (!document.hidden) document.body.dispatchEvent(new Event(name));
    }, milliseconds);
  }
  tick("tick-fast", 1500);
  tick("tick", 4000);

  // ----------------------------------------------------------------- following
  // A task tells by itself that it has moved. Where its stream cannot be had, we ask as often as a person would look.
  var streams = new Map();

  function moved(url) {
    document.querySelectorAll('[data-events="' + url + '"]').forEach(function (part) {
      part.dispatchEvent(new Event("moved"));
    });
  }

  function asking(url) {
    var timer = window.setInterval(function () { if (!document.hidden) moved(url); }, 1500);
    return { close: function () { window.clearInterval(timer); } };
  }

  function follow() {
    var wanted = new Set();
    document.querySelectorAll("[data-events]").forEach(function (part) { wanted.add(part.dataset.events); });
    streams.forEach(function (stream, url) {
      if (wanted.has(url)) return;
      stream.close();
      streams.delete(url);
    });
    wanted.forEach(function (url) {
      if (streams.has(url) || !window.EventSource) return;
      var stream = new EventSource(url);
      // The first tells the state that the page was made with, or what has happened since.
      stream.addEventListener("task", function () { moved(url); });
      stream.addEventListener("error", function () {
        if (stream.readyState === EventSource.CLOSED && streams.get(url) === stream) streams.set(url, asking(url));
      });
      streams.set(url, stream);
    });
  }
  follow();
  document.addEventListener("htmx:afterSettle", follow);
  // A browser opens six connections to a site: a page that is left must not hold one.
  window.addEventListener("pagehide", function () {
    streams.forEach(function (stream) { stream.close(); });
    streams.clear();
  });
  window.addEventListener("pageshow", function (event) { if (event.persisted) follow(); });

  // --------------------------------------------------------------------- forms
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // A second click must not send a form twice. htmx disables its own buttons.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.hasAttribute("hx-post") || form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });

  // A page that shows a secret once is the answer to a form: to go back to it or to reload it must not send that again.
  var once = document.querySelector("[data-once]");
  if (once) window.history.replaceState(null, "", once.dataset.once);

  function focusNews(root) {
    var first = root.querySelector("[data-focus]");
    if (first) first.focus();
  }
  focusNews(document);

  // ---------------------------------------------------------------------- htmx
  // What was refused before is not true of what is sent now; chosen files stay, so the form itself is not replaced.
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (!event.target.matches("form[hx-post]")) return;
    event.target.querySelectorAll(".invalid-feedback, [data-focus]").forEach(function (old) { old.remove(); });
    event.target.querySelectorAll(".is-invalid").forEach(function (old) {
      old.classList.remove("is-invalid");
      old.removeAttribute("aria-invalid");
    });
  });
  document.addEventListener("htmx:afterSettle", function (event) { focusNews(event.target); });
  document.addEventListener("htmx:responseError", function (event) {
    var id = event.detail.xhr.getResponseHeader("X-Request-Id");
    say(id ? "failedRequest" : "failed", "bad", id);
  });
  document.addEventListener("htmx:sendError", function () {
    say("offline", "warn");
  });
})();
