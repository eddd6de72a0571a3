// The playground's form: sliders beside numbers, files that are dropped and shown before they are sent, the code tab.
// All of it works without: a number box, a file field, and the code below the form.
(function () {
  "use strict";

  var words = document.currentScript.dataset;

  // Words come from the page, in its language; {name} stands for a value.
  function filled(text, values) {
    return text.replace(/\{(\w+)\}/g, function (all, name) { return values[name]; });
  }

  // ------------------------------------------------------------------- sliders
  // The box is what is sent; the slider only follows it and moves it.
  document.addEventListener("input", function (event) {
    var slider = event.target.closest("[data-slider]");
    if (slider) {
      document.querySelector(slider.dataset.slider).value = slider.value;
      return;
    }
    if (event.target.type !== "number" || !event.target.id) return;
    slider = document.querySelector('[data-slider="#' + event.target.id + '"]');
    if (slider && event.target.value !== "") slider.value = event.target.value;
  });

  // --------------------------------------------------------------------- files
  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function size(bytes) {
    return bytes < 1048576 ? Math.ceil(bytes / 1024) + " kB" : (bytes / 1048576).toFixed(1) + " MB";
  }

  function fault(input, file, kind) {
    var most = Number(input.dataset.maxBytes);
    // Some systems know no type of a file; what it is, its bytes tell the server.
    if (file.type && file.type.split("/")[0] !== kind) {
      var wrong = { image: words.noImage, audio: words.noAudio, video: words.noVideo }[kind];
      return filled(wrong, { name: file.name });
    }
    if (file.size > most) return filled(words.tooLarge, { name: file.name, size: size(file.size), most: size(most) });
    return "";
  }

  function drawn(kind, url) {
    var shown = element(kind === "image" ? "img" : kind);
    shown.src = url;
    if (kind === "image") shown.alt = words.chosen;
    else shown.controls = true;
    return shown;
  }

  function forget(box) {
    var old = box.querySelector("[src]");
    if (old) URL.revokeObjectURL(old.src);
    box.textContent = "";
  }

  function show(input) {
    var field = input.closest("[data-drop]");
    var box = field.querySelector(".drop-preview");
    var kind = field.dataset.drop;
    var file = input.files[0];
    forget(box);
    if (!file) return;
    var wrong = fault(input, file, kind);
    if (wrong) {
      input.value = "";
      box.appendChild(element("p", "drop-wrong", wrong));
      return;
    }
    var figure = element("figure");
    var line = element("figcaption", "drop-line");
    var drop = element("button", "btn btn-sm", words.takeOut);
    drop.type = "button";
    drop.dataset.dropClear = "";
    line.append(element("span", "", file.name + ", " + size(file.size)), drop);
    figure.append(drawn(kind, URL.createObjectURL(file)), line);
    box.appendChild(figure);
  }

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-drop] [type=file]")) show(event.target);
  });
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-drop-clear]")) return;
    var input = event.target.closest("[data-drop]").querySelector("[type=file]");
    input.value = "";
    show(input);
    input.focus();
  });

  function zoneOf(event) {
    var field = event.target.closest && event.target.closest("[data-drop]");
    return field && Array.from(event.dataTransfer.types).includes("Files") ? field.querySelector(".drop-zone") : null;
  }
  document.addEventListener("dragover", function (event) {
    var zone = zoneOf(event);
    document.querySelectorAll(".drop-zone.is-over").forEach(function (other) {
      if (other !== zone) other.classList.remove("is-over");
    });
    if (!zone) return;
    event.preventDefault();
    zone.classList.add("is-over");
  });
  document.addEventListener("drop", function (event) {
    var zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.remove("is-over");
    var input = zone.querySelector("[type=file]");
    var one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // ------------------------------------------------------------------ code tab
  var place = document.getElementById("play-input");

  function mark(isCode) {
    if (!place) return;
    place.classList.toggle("is-code", isCode);
    var written = place.querySelector("[name=tab]").value;
    ["form", "json", "code"].forEach(function (name) {
      var tab = document.getElementById("tab-" + name);
      var isHere = isCode ? name === "code" : name === written;
      if (isHere) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    });
  }
  // Before htmx hears of it: a way back to what is written here needs no server.
  document.addEventListener("click", function (event) {
    var tab = event.target.closest(".play-tab");
    if (!tab) return;
    if (tab.id === "tab-code") {
      event.preventDefault();
      mark(true);
    } else if (tab.value === place.querySelector("[name=tab]").value) {
      event.preventDefault();
      event.stopPropagation();
      mark(false);
    }
  }, true);
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.target.id === "play-form" || event.detail.target.id === "play-form") mark(false);
  });
  if (window.location.hash === "#code") mark(true);
})();
