// The chat playground: asks one or two models at once over the person's session, shows answers as they come, and what
// each cost. The conversation lives in this page only.
(function () {
  "use strict";

  var root = document.getElementById("chat");
  if (!root) return;
  var element = window.chatText.element;
  var words = window.chatWords;
  var says = document.currentScript.dataset;
  var MANY_LETTERS = 20000;

  // Words come from the page, in its language; {name} stands for a value.
  function filled(text, values) {
    return text.replace(/\{(\w+)\}/g, function (all, name) { return values[name]; });
  }

  function byId(id) { return document.getElementById(id); }
  var form = byId("chat-form");
  var prompt = byId("chat-prompt");
  var log = byId("chat-log");
  var model = byId("chat-model");
  var other = byId("chat-other");
  var turns = [];
  var running = new Set();

  // ------------------------------------------------------------------ what is asked
  function chosen() {
    return other.value ? [model, other] : [model];
  }

  // Each model goes on with its own answers; where it has none, because it joined later, with the first model's.
  function messages(slot, upto) {
    var found = [];
    var system = byId("chat-system").value.trim();
    if (system) found.push({ role: "system", content: system });
    turns.slice(0, upto).forEach(function (turn) {
      var answer = turn.answers[slot] || turn.answers[0];
      if (!answer || !answer.text) return;
      found.push({ role: "user", content: turn.text }, { role: "assistant", content: answer.text });
    });
    return found;
  }

  function number(id) {
    var box = byId(id);
    return box.value !== "" && box.checkValidity() ? Number(box.value) : null;
  }

  function callOf(name, asked) {
    var call = { model: name, messages: asked };
    var temperature = number("chat-temperature");
    var tokens = number("chat-tokens");
    if (temperature !== null) call.temperature = temperature;
    if (tokens !== null) call.max_tokens = tokens;
    call.stream = true;
    return call;
  }

  function titleOf(select) {
    return select.selectedOptions[0].dataset.title || select.value;
  }

  function say(text) { byId("chat-said").textContent = text; }

  // ------------------------------------------------------------------ one answer
  function Answer(turn, slot, select) {
    this.turn = turn;
    this.slot = slot;
    this.model = select.value;
    this.title = titleOf(select);
    this.box = element("article", "card card-body chat-answer");
    this.box.setAttribute("aria-label", filled(says.answerOf, { model: this.title }));
    turn.row.appendChild(this.box);
  }

  Answer.prototype.reset = function () {
    this.text = this.thinking = this.call = "";
    this.usage = this.error = null;
    this.firstMs = 0;
    this.isStopped = this.isDrawing = this.isStandIn = false;
    this.body = element("div", "chat-body");
    this.answer = element("div");
    this.body.appendChild(this.answer);
    this.thoughts = null;
    this.foot = element("footer", "chat-foot");
    this.box.replaceChildren(element("h2", "chat-who", this.title), this.body, this.foot);
    this.box.setAttribute("aria-busy", "true");
    this.foot.textContent = says.waiting;
  };

  Answer.prototype.run = async function () {
    this.reset();
    this.control = new AbortController();
    running.add(this);
    showState();
    this.startedAt = performance.now();
    try {
      await this.ask();
    } catch (error) {
      if (error.name === "AbortError") this.isStopped = true;
      else this.error = { message: says.cutOff, type: "connection" };
    }
    this.totalMs = performance.now() - this.startedAt;
    running.delete(this);
    this.drawNow();
    this.box.removeAttribute("aria-busy");
    showState();
    await this.conclude();
  };

  Answer.prototype.ask = async function () {
    var asked = messages(this.slot, turns.indexOf(this.turn));
    asked.push({ role: "user", content: this.turn.text });
    var call = callOf(this.model, asked);
    call.stream_options = { include_usage: true };
    var response = await fetch(root.dataset.stream, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify(call),
      signal: this.control.signal,
    });
    this.call = response.headers.get("X-Call-Id") || "";
    this.isStandIn = response.headers.get("X-Served-By") === "sandbox";
    if (!response.ok) {
      // Refused before the first word: nothing was charged, and there may be no row of it.
      this.call = "";
      this.error = await words.refusalIn(response);
      return;
    }
    await this.read(response.body.getReader());
  };

  Answer.prototype.read = async function (reader) {
    var decoder = new TextDecoder();
    var rest = "";
    for (;;) {
      var part = await reader.read();
      if (part.done) break;
      rest += decoder.decode(part.value, { stream: true });
      var events = rest.split("\n\n");
      rest = events.pop();
      events.forEach(this.take, this);
    }
    if (!this.usage && !this.error) this.error = { message: says.brokeOff, type: "connection" };
  };

  Answer.prototype.take = function (event) {
    if (event.slice(0, 6) !== "data: " || event === "data: [DONE]") return;
    var chunk = JSON.parse(event.slice(6));
    if (chunk.error) this.error = chunk.error;
    if (chunk.usage) this.usage = chunk.usage;
    var delta = chunk.choices && chunk.choices[0] && chunk.choices[0].delta;
    if (!delta) return;
    this.thinking += delta.reasoning_content || "";
    this.text += delta.content || delta.refusal || "";
    if (!this.firstMs && (this.text || this.thinking)) this.firstMs = performance.now() - this.startedAt;
    this.draw();
  };

  Answer.prototype.draw = function () {
    if (this.isDrawing) return;
    this.isDrawing = true;
    var self = this;
    window.setTimeout(function () {
      self.isDrawing = false;
      if (running.has(self)) self.drawNow();
    }, this.text.length > MANY_LETTERS ? 250 : 40);
  };

  Answer.prototype.drawNow = function () {
    var isDown = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 200;
    if (this.thinking) this.drawThinking();
    window.chatText.render(this.answer, this.text);
    if (running.has(this)) this.foot.textContent = says.answering;
    if (isDown && running.has(this)) window.scrollTo(0, document.documentElement.scrollHeight);
  };

  Answer.prototype.drawThinking = function () {
    if (!this.thoughts) {
      var folded = element("details", "chat-thoughts");
      this.thoughts = element("p", "chat-text text-secondary");
      folded.append(element("summary", "", says.thoughts), this.thoughts);
      this.body.prepend(folded);
    }
    this.thoughts.textContent = this.thinking;
  };

  // ------------------------------------------------------------------ its end
  Answer.prototype.conclude = async function () {
    if (this.error) this.showError();
    if (this.isStopped && !this.text) this.note(says.stoppedBefore);
    else if (this.isStopped) this.note(says.stoppedHere);
    else if (!this.error && !this.text && !this.thinking) this.note(says.nothing);
    var found = this.usage;
    if (!found && this.call) {
      this.foot.textContent = says.lookingUp;
      found = await words.costOf(root, this.call);
    }
    this.showFoot(found);
    var end = this.error ? says.endBroken : this.isStopped ? says.endStopped : says.endComplete;
    var values = { model: this.title, end: end, cost: found && words.cost(found) };
    say(filled(found ? says.endWithCost : says.end, values));
  };

  Answer.prototype.note = function (text) {
    this.body.appendChild(element("p", "chat-note", text));
  };

  Answer.prototype.showError = function () {
    var note = element("section", "note status-bad");
    note.setAttribute("role", "alert");
    var message = element("div", "", this.error.message);
    var again = element("button", "btn btn-sm", says.tryAgain);
    again.type = "button";
    again.addEventListener("click", this.run.bind(this));
    var way = words.wayOut(root, this.error.type);
    note.appendChild(message);
    if (way) note.appendChild(way);
    note.appendChild(again);
    this.body.appendChild(note);
  };

  Answer.prototype.showFoot = function (found) {
    var facts = [];
    if (found) facts.push(filled(says.tokens, { read: found.prompt_tokens, written: found.completion_tokens }));
    if (this.firstMs) facts.push(filled(says.firstWord, { time: words.seconds(this.firstMs) }));
    if (this.text) facts.push(filled(says.inAll, { time: words.seconds(this.totalMs) }));
    if (this.isStandIn) facts.push(says.standIn);
    this.foot.replaceChildren();
    if (found) this.foot.appendChild(element("strong", "", words.cost(found)));
    else if (this.error && !this.call) this.foot.appendChild(element("strong", "", says.notCharged));
    facts.forEach(function (fact) { this.foot.appendChild(element("span", "", fact)); }, this);
    if (!found || !this.call) return;
    var more = element("a", "", says.details);
    more.href = words.pageOf(root, this.call);
    more.setAttribute("aria-label", filled(says.detailsOf, { model: this.title }));
    this.foot.appendChild(more);
  };

  // ------------------------------------------------------------------ the page
  function ask(text) {
    if (!text.trim() || running.size) return;
    var box = element("section", "chat-turn");
    box.appendChild(element("p", "chat-user", text));
    var row = element("div", "chat-answers");
    box.appendChild(row);
    log.appendChild(box);
    var turn = { text: text, answers: [], row: row };
    turns.push(turn);
    turn.answers = chosen().map(function (select, slot) { return new Answer(turn, slot, select); });
    row.classList.toggle("chat-two", turn.answers.length > 1);
    prompt.value = "";
    turn.answers.forEach(function (answer) { answer.run(); });
    box.scrollIntoView({ block: "start" });
  }

  function stop() {
    running.forEach(function (answer) { answer.control.abort(); });
  }

  function showState() {
    var isBusy = running.size > 0;
    var had = document.activeElement;
    byId("chat-stop").hidden = !isBusy;
    byId("chat-send").disabled = isBusy || prompt.disabled;
    byId("chat-empty").hidden = turns.length > 0;
    byId("chat-clear").hidden = turns.length === 0;
    // A button that goes must not take the focus with it.
    if (had && (had.hidden || had.disabled)) prompt.focus();
    showCode();
  }

  function showChoice() {
    byId("chat-model-price").textContent = model.selectedOptions[0].dataset.price;
    byId("chat-other-price").textContent = other.value
      ? other.selectedOptions[0].dataset.price
      : says.second;
    byId("chat-chosen").textContent = other.value
      ? filled(says.both, { first: titleOf(model), second: titleOf(other) })
      : titleOf(model);
    showCode();
  }

  function showCode() {
    var language = document.querySelector("[data-language][aria-selected=true]").dataset.language;
    var asked = messages(0, turns.length);
    asked.push({ role: "user", content: prompt.value || "Hello!" });
    var call = callOf(model.value, asked);
    byId("code-text").firstElementChild.textContent = window.chatCode[language](call, root.dataset.api, root.dataset.variable);
  }

  function choose(tab) {
    document.querySelectorAll("[data-language]").forEach(function (one) {
      var is = one === tab;
      one.classList.toggle("active", is);
      one.setAttribute("aria-selected", String(is));
      one.tabIndex = is ? 0 : -1;
    });
    byId("code").setAttribute("aria-labelledby", tab.id);
    showCode();
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    ask(prompt.value);
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && root.contains(event.target)) {
      event.preventDefault();
      ask(prompt.value);
    } else if (event.key === "Escape" && running.size) stop();
  });
  byId("chat-stop").addEventListener("click", stop);
  byId("chat-clear").addEventListener("click", function () {
    stop();
    turns = [];
    log.replaceChildren();
    showState();
    prompt.focus();
  });
  document.querySelectorAll("[data-prompt]").forEach(function (example) {
    example.addEventListener("click", function () { ask(example.dataset.prompt); });
  });
  document.querySelectorAll("[data-language]").forEach(function (tab, index, tabs) {
    tab.addEventListener("click", function () { choose(tab); });
    tab.addEventListener("keydown", function (event) {
      var step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      var next = tabs[(index + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  });
  root.addEventListener("input", showChoice);
  if (window.innerWidth < 992) byId("chat-settings").open = false;
  showChoice();
})();
