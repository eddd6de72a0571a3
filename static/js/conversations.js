// A conversation: the question goes to the gateway, the answer is shown while it is written, and can be stopped.
(function () {
  "use strict";

  // In the language of the page.
  var words = document.currentScript.dataset;
  var form = document.querySelector("form[data-say]");
  if (!form) return;
  var box = form.querySelector("textarea");
  var send = form.querySelector("button[type=submit]");
  var stop = form.querySelector("[data-stop]");
  var under = null;

  function part(tag, css, text) {
    var found = document.createElement(tag);
    found.className = css;
    found.textContent = text;
    return found;
  }

  function add(role, who, text) {
    var said = document.getElementById("said");
    var empty = said.querySelector("[data-empty]");
    if (empty) empty.remove();
    var one = document.createElement("article");
    one.className = "said-one said-" + role;
    one.appendChild(part("h2", "said-who", who));
    one.appendChild(part("p", "said-text", text));
    one.appendChild(part("p", "said-note", ""));
    said.appendChild(one);
    one.scrollIntoView({ block: "nearest" });
    return one;
  }

  // The first question names the conversation, as the page will say when it is loaded again.
  function name(text) {
    var title = document.querySelector("[data-untitled]");
    if (!title) return;
    title.removeAttribute("data-untitled");
    title.textContent = text.replace(/\s+/g, " ").slice(0, 100);
  }

  function note(one, text, isBad) {
    var line = one.querySelector(".said-note");
    line.textContent = text;
    line.classList.toggle("text-bad", Boolean(isBad));
  }

  // ----------------------------------------------------------------- what is sent
  function body(text) {
    var chosen = Array.prototype.slice.call(form.querySelectorAll("[data-picture]:checked"));
    var parts = chosen.map(function (input) {
      return {
        content_type: "image_asset_pointer",
        asset_pointer: "file-service://" + input.dataset.picture,
        size_bytes: Number(input.dataset.size),
        width: Number(input.dataset.width),
        height: Number(input.dataset.height)
      };
    });
    parts.push(text);
    return JSON.stringify({
      content: { content_type: chosen.length ? "multimodal_text" : "text", parts: parts }
    });
  }

  // -------------------------------------------------------------- what comes back
  function usd(points) {
    var text = (points / 10000000).toFixed(7).replace(/0+$/, "");
    while (text.split(".")[1].length < 2) text += "0";
    return "$" + text;
  }

  function show(one, data) {
    if (data.message.content.parts[0]) {
      var text = one.querySelector(".said-text");
      text.textContent = data.message.content.parts[0];
      if (under) note(one, words.writing);
    }
    if (data.error) note(one, data.error.message, true);
    else if (data.message.end_turn) {
      note(one, data.message.metadata.usage.consume ? usd(data.message.metadata.usage.consume) : words.notCharged);
    }
  }

  function read(one, response) {
    var reader = response.body.getReader();
    var decoder = new TextDecoder();
    var kept = "";
    function next() {
      return reader.read().then(function (found) {
        kept += decoder.decode(found.value || new Uint8Array(), { stream: !found.done });
        var events = kept.split("\n\n");
        kept = events.pop();
        events.forEach(function (event) {
          if (event.indexOf("data: ") === 0 && event !== "data: [DONE]") show(one, JSON.parse(event.slice(6)));
        });
        if (!found.done) return next();
      });
    }
    return next();
  }

  function refused(one, response) {
    return response.json().then(
      function (data) { note(one, data.message, true); },
      function () { note(one, words.failed, true); }
    );
  }

  // ------------------------------------------------------------------- one round
  function ask(text) {
    under = new AbortController();
    name(text);
    add("user", words.you, text);
    var one = add("assistant", form.dataset.name, "");
    note(one, words.asking);
    busy(true);
    fetch(form.dataset.say, {
      method: "POST",
      credentials: "same-origin",
      signal: under.signal,
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value
      },
      body: body(text)
    }).then(function (response) {
      return response.ok ? read(one, response) : refused(one, response);
    }).catch(function (error) {
      note(one, error.name === "AbortError" ? words.stopped : words.cutOff, error.name !== "AbortError");
    }).then(function () { busy(false); });
  }

  function busy(isBusy) {
    if (!isBusy) under = null;
    send.disabled = isBusy;
    stop.hidden = !isBusy;
    if (isBusy) stop.focus();
    else box.focus();
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var text = box.value.trim();
    if (!text || under) return;
    box.value = "";
    ask(text);
  });
  stop.addEventListener("click", function () { if (under) under.abort(); });
  box.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
})();
