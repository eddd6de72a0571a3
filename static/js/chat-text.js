// What a model wrote, as elements: paragraphs, code, bold. Nothing of it is ever read as HTML.
(function () {
  "use strict";

  // In the language of the page.
  var words = document.currentScript.dataset;
  var count = 0;
  var INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)/;

  function element(name, css, text) {
    var made = document.createElement(name);
    if (css) made.className = css;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function inline(into, text) {
    text.split(INLINE).forEach(function (part) {
      if (!part) return;
      if (part.length > 2 && part[0] === "`") into.appendChild(element("code", "", part.slice(1, -1)));
      else if (part.length > 4 && part.slice(0, 2) === "**") into.appendChild(element("strong", "", part.slice(2, -2)));
      else into.appendChild(document.createTextNode(part));
    });
  }

  function prose(into, text) {
    text.split(/\n{2,}/).forEach(function (paragraph) {
      if (!paragraph.trim()) return;
      var made = element("p", "chat-text");
      var heading = /^#{1,6} +(.*)/.exec(paragraph);
      if (heading) {
        var rest = paragraph.slice(heading[0].length);
        made.appendChild(element("strong", "", heading[1]));
        inline(made, rest);
      } else inline(made, paragraph.replace(/^\n+|\n+$/g, ""));
      into.appendChild(made);
    });
  }

  function code(into, text, language) {
    var box = element("div", "code");
    var pre = element("pre");
    pre.id = "chat-code-" + (++count);
    pre.tabIndex = 0;
    pre.setAttribute("aria-label", language ? words.codeIn.replace("{language}", language) : words.code);
    pre.appendChild(element("code", "", text));
    var button = element("button", "btn btn-sm code-copy", words.copying);
    button.type = "button";
    button.dataset.copy = "#" + pre.id;
    box.append(pre, button);
    into.appendChild(box);
  }

  // Blocks of the text in turn: {text} or {text, language}; code that has not ended yet is code, too.
  function blocks(text) {
    var found = [];
    var lines = text.split("\n");
    var open = null;
    var held = [];
    lines.forEach(function (line) {
      var fence = /^\s*(`{3,}|~{3,})\s*([\w+#.-]*)\s*$/.exec(line);
      if (fence && open === null) {
        found.push({ text: held.join("\n") });
        held = [];
        open = { mark: fence[1], language: fence[2] };
      } else if (fence && !fence[2] && fence[1][0] === open.mark[0] && fence[1].length >= open.mark.length) {
        found.push({ text: held.join("\n"), language: open.language });
        held = [];
        open = null;
      } else held.push(line);
    });
    if (open === null) found.push({ text: held.join("\n") });
    else found.push({ text: held.join("\n"), language: open.language });
    return found;
  }

  // Draws the text anew, but leaves alone what has not changed since the last time: the reader may be selecting it.
  function render(into, text) {
    var wanted = blocks(text);
    var before = into.chatBlocks || [];
    var same = 0;
    while (same < wanted.length && same < before.length && before[same].text === wanted[same].text && before[same].language === wanted[same].language) same++;
    before.slice(same).forEach(function (block) { block.box.remove(); });
    into.chatBlocks = before.slice(0, same);
    wanted.slice(same).forEach(function (block) {
      block.box = element("div", "chat-block");
      if (block.language === undefined) prose(block.box, block.text);
      else code(block.box, block.text, block.language);
      into.appendChild(block.box);
      into.chatBlocks.push(block);
    });
  }

  window.chatText = { element: element, render: render };
})();
