// Looking at results: pictures large and side by side, the shape of sound, 3D models from all sides. Without scripts
// each picture is a link, sound has the browser's own player, a model is a download.
(function () {
  "use strict";

  var words = document.currentScript.dataset;
  var MOST_BYTES = 32 * 1024 * 1024;
  var MOST_MODEL_BYTES = 64 * 1024 * 1024;
  var still = window.matchMedia("(prefers-reduced-motion: reduce)");

  // Words come from the page, in its language; {name} stands for a value.
  function filled(text, values) {
    return text.replace(/\{(\w+)\}/g, function (all, name) { return values[name]; });
  }

  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function button(text, action) {
    var made = element("button", "btn btn-sm", text);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  }

  // Files on another host may be shown, but the policy of the page lets no script read them.
  function readable(url) {
    return new URL(url, window.location.href).origin === window.location.origin;
  }

  // What went wrong, as the name of the sentence that says it.
  function failure(name) { return Object.assign(new Error(name), { words: name }); }

  function bytesOf(url, most, headers) {
    return window.fetch(url, { credentials: "omit", headers: headers }).then(function (response) {
      if (!response.ok) throw failure("unreachable");
      if (Number(response.headers.get("Content-Length") || 0) > most) {
        response.body.cancel();
        throw failure("tooLarge");
      }
      return response.arrayBuffer();
    });
  }

  // ------------------------------------------------------------------- dialogs
  function opened(label, className) {
    var dialog = element("dialog", "viewer-dialog " + className);
    dialog.setAttribute("aria-label", label);
    // What opened it gets the focus back from the browser.
    dialog.addEventListener("close", function () { dialog.remove(); });
    document.body.appendChild(dialog);
    dialog.showModal();
    return dialog;
  }

  function picturesOf(grid) {
    return Array.from(grid.querySelectorAll("[data-zoom]")).map(function (link) {
      return { url: link.href, label: link.dataset.label, alt: link.querySelector("img").alt };
    });
  }

  function zoom(grid, first) {
    var pictures = picturesOf(grid);
    var at = first;
    var dialog = opened(words.enlarged, "viewer-zoom");
    var image = element("img");
    var place = element("span", "viewer-place");
    var bar = element("div", "viewer-bar");
    function show(step) {
      at = (at + step + pictures.length) % pictures.length;
      image.src = pictures[at].url;
      image.alt = pictures[at].alt;
      place.textContent = pictures.length > 1
        ? filled(words.place, { label: pictures[at].label, number: at + 1, total: pictures.length })
        : pictures[at].label;
      image.classList.remove("is-full");
    }
    place.setAttribute("aria-live", "polite");
    if (pictures.length > 1) {
      bar.append(button(words.previous, function () { show(-1); }), button(words.next, function () { show(1); }));
    }
    bar.append(
      place,
      button(words.fullSize, function () { image.classList.toggle("is-full"); }),
      button(words.close, function () { dialog.close(); })
    );
    dialog.addEventListener("keydown", function (event) {
      if (event.key === "ArrowLeft") show(-1);
      else if (event.key === "ArrowRight") show(1);
      else return;
      event.preventDefault();
    });
    var frame = element("div", "viewer-frame");
    frame.tabIndex = 0;
    frame.setAttribute("aria-label", words.arrows);
    frame.setAttribute("role", "group");
    frame.append(image);
    dialog.append(bar, frame);
    show(0);
  }

  // ------------------------------------------------------------------- compare
  function comparable(root) {
    var grid = root.querySelector("[data-viewer]");
    if (!grid) return [];
    var sources = Array.from(root.querySelectorAll("[data-source]")).map(function (one) {
      return { url: one.dataset.source, label: one.dataset.label, alt: one.dataset.label };
    });
    return sources.concat(picturesOf(grid));
  }

  function choice(pictures, label, chosen, changed) {
    var line = element("label", "viewer-choice", label);
    var select = element("select", "form-select");
    pictures.forEach(function (picture, index) {
      var option = element("option", "", picture.label);
      option.value = index;
      select.append(option);
    });
    select.value = chosen;
    select.addEventListener("change", function () { changed(pictures[select.value]); });
    line.append(select);
    changed(pictures[chosen]);
    return line;
  }

  function compare(root) {
    var pictures = comparable(root);
    var dialog = opened(words.comparing, "viewer-compare");
    var left = element("img");
    var right = element("img", "viewer-over");
    var slider = element("input", "form-range");
    var bar = element("div", "viewer-bar");
    var frame = element("div", "viewer-pair");
    function put(image) {
      return function (picture) { image.src = picture.url; image.alt = picture.alt; };
    }
    function move() { right.style.clipPath = "inset(0 0 0 " + slider.value + "%)"; }
    slider.type = "range";
    slider.min = 0;
    slider.max = 100;
    slider.value = 50;
    slider.setAttribute("aria-label", words.share);
    slider.addEventListener("input", move);
    move();
    bar.append(
      choice(pictures, words.left, 0, put(left)),
      choice(pictures, words.right, pictures.length - 1, put(right)),
      button(words.close, function () { dialog.close(); })
    );
    frame.append(left, right);
    dialog.append(bar, frame, slider);
    slider.focus();
  }

  document.addEventListener("click", function (event) {
    var link = event.target.closest("[data-zoom]");
    // With a modifier it is a link like any other.
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      var grid = link.closest("[data-viewer]");
      zoom(grid, Array.from(grid.querySelectorAll("[data-zoom]")).indexOf(link));
    }
    var both = event.target.closest("[data-compare]");
    if (both) compare(both.parentNode);
    var start = event.target.closest("[data-look]");
    if (start) look(start.closest("[data-model]"));
  });

  // --------------------------------------------------------------------- sound
  // The loudest sample of each of `count` equal parts, over all channels, 0 to 1.
  function peaks(sound, count) {
    var found = new Float32Array(count);
    for (var channel = 0; channel < sound.numberOfChannels; channel++) {
      var samples = sound.getChannelData(channel);
      var part = samples.length / count;
      for (var i = 0; i < samples.length; i++) {
        var at = Math.min(count - 1, Math.floor(i / part));
        var loud = Math.abs(samples[i]);
        if (loud > found[at]) found[at] = loud;
      }
    }
    return found;
  }

  function colour(name) {
    return window.getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function draw(canvas, sound, audio) {
    var ratio = window.devicePixelRatio || 1;
    var width = canvas.clientWidth;
    var height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    var pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    var count = Math.max(1, Math.floor(width / 4));
    if (!sound.shape || sound.shape.length !== count) sound.shape = peaks(sound.decoded, count);
    var played = audio.duration ? (audio.currentTime / audio.duration) * count : 0;
    for (var i = 0; i < count; i++) {
      var tall = Math.max(2, sound.shape[i] * height);
      pen.fillStyle = colour(i < played ? "--run" : "--idle");
      pen.globalAlpha = i < played ? 1 : 0.45;
      pen.fillRect(i * 4, (height - tall) / 2, 3, tall);
    }
  }

  function wave(canvas) {
    var audio = canvas.parentNode.querySelector("audio");
    if (!window.OfflineAudioContext || !readable(audio.src)) return;
    bytesOf(audio.src, MOST_BYTES)
      .then(function (bytes) { return new window.OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes); })
      .then(function (decoded) {
        var sound = { decoded: decoded, shape: null };
        function redraw() { if (canvas.isConnected) draw(canvas, sound, audio); }
        canvas.hidden = false;
        redraw();
        audio.addEventListener("timeupdate", function () { if (!still.matches || audio.paused) redraw(); });
        audio.addEventListener("seeked", redraw);
        audio.addEventListener("pause", redraw);
        document.addEventListener("themechange", redraw);
        window.addEventListener("resize", redraw);
        // A pointer's help; the keyboard has the player's own bar.
        canvas.addEventListener("click", function (event) {
          audio.currentTime = (event.offsetX / canvas.clientWidth) * (audio.duration || 0);
        });
      })
      .catch(function () { canvas.hidden = true; });
  }

  // ------------------------------------------------------------------------ 3D
  // What a binary glTF says of itself: its JSON comes first, after twelve bytes of head and eight of its own.
  function headOf(bytes) {
    var view = new DataView(bytes);
    if (view.getUint32(0, true) !== 0x46546c67) throw new Error("no glTF");
    return JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 20, view.getUint32(12, true))));
  }

  function described(head) {
    var parts = (head.meshes || []).flatMap(function (mesh) { return mesh.primitives; });
    var low = [Infinity, Infinity, Infinity];
    var high = [-Infinity, -Infinity, -Infinity];
    var corners = 0;
    var triangles = 0;
    parts.forEach(function (part) {
      var places = head.accessors[part.attributes.POSITION];
      corners += places.count;
      triangles += (part.indices === undefined ? places.count : head.accessors[part.indices].count) / 3;
      places.min.forEach(function (value, axis) { low[axis] = Math.min(low[axis], value); });
      places.max.forEach(function (value, axis) { high[axis] = Math.max(high[axis], value); });
    });
    if (!parts.length) return "";
    // A node may turn or stretch what is in it; then the mesh's own size says nothing.
    var isMoved = (head.nodes || []).some(function (node) { return node.matrix || node.scale || node.rotation; });
    var size = high.map(function (value, axis) { return value - low[axis]; });
    return sentence({ size: isMoved ? null : size, corners: corners, triangles: triangles });
  }

  function sentence(facts) {
    return filled(facts.size ? words.sizedShape : words.shape, {
      size: facts.size && facts.size.map(function (value) { return Number(value.toPrecision(3)); }).join(" × "),
      corners: facts.corners.toLocaleString("en"),
      triangles: Math.round(facts.triangles).toLocaleString("en"),
    });
  }

  // The head of nearly every model is in its first quarter of a megabyte; of others the viewer says it.
  function model(place) {
    if (!readable(place.dataset.model)) return;
    bytesOf(place.dataset.model, MOST_BYTES, { Range: "bytes=0-262143" }).then(function (bytes) {
      place.querySelector("[data-facts]").textContent = described(headOf(bytes));
    }).catch(function () { /* The sentence that is there already holds. */ });
  }

  // three.js is large, so it comes with the first model that somebody wants to look at.
  function loaded(url, canvas) {
    if (!readable(url)) return Promise.reject(failure("elsewhere"));
    if (!canvas.getContext("webgl2", { antialias: true })) return Promise.reject(failure("flat"));
    return bytesOf(url, MOST_MODEL_BYTES).then(function (bytes) {
      if (bytes.byteLength > MOST_MODEL_BYTES) throw failure("tooLarge");
      return import(words.modelViewer).then(function (module) { return [module, bytes]; });
    }).catch(function (error) { throw error.words ? error : failure("unreachable"); });
  }

  function look(place) {
    var start = place.querySelector("[data-look]");
    var says = place.querySelector("[data-says]");
    var view = place.querySelector("[data-view]");
    var canvas = view.querySelector("canvas");
    if (start.hasAttribute("aria-busy")) return;
    start.setAttribute("aria-busy", "true");
    says.textContent = words.loading;
    loaded(place.dataset.model, canvas).then(function (both) { return both[0].show(view, both[1]); }).then(function (facts) {
      says.remove();
      place.querySelector("[data-facts]").textContent = sentence(facts);
      canvas.setAttribute("aria-label", canvas.getAttribute("aria-label") + ". " + sentence(facts));
      return canvas.parentNode;
    }).catch(function (error) {
      view.hidden = true;
      says.textContent = words[error.words || "broken"];
      return says;
    }).then(function (next) {
      // The button goes, and its focus must not go with it.
      if (start === document.activeElement) next.focus({ preventScroll: true });
      (says.isConnected ? start : start.parentNode).remove();
    });
  }

  // ---------------------------------------------------------------------- start
  function start(root) {
    root.querySelectorAll("[data-wave]:not([data-started])").forEach(function (canvas) {
      canvas.dataset.started = "";
      wave(canvas);
    });
    root.querySelectorAll("[data-model]:not([data-started])").forEach(function (place) {
      place.dataset.started = "";
      model(place);
    });
    root.querySelectorAll("[data-compare]").forEach(function (both) {
      both.hidden = comparable(both.parentNode).length < 2;
    });
  }
  start(document);
  document.addEventListener("htmx:load", function (event) { start(event.detail.elt); });
})();
