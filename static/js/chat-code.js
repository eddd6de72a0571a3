// The same call from a program: as curl, and with OpenAI's clients for Python and JavaScript.
(function () {
  "use strict";

  function indented(text, by) {
    return text.split("\n").join("\n" + by);
  }

  function json(value) {
    return JSON.stringify(value, null, 2);
  }

  function python(value) {
    // The only JSON words that Python spells differently; strings are left alone.
    return json(value).replace(/("(?:[^"\\]|\\.)*")|\b(true|false|null)\b/g, function (all, text, word) {
      return text || { true: "True", false: "False", null: "None" }[word];
    });
  }

  function curl(call, api, variable) {
    var body = json(call).replace(/'/g, "'\\''");
    return [
      "curl " + api + "/chat/completions \\",
      '  -H "Authorization: Bearer $' + variable + '" \\',
      '  -H "Content-Type: application/json" \\',
      "  -d '" + body + "'",
    ].join("\n");
  }

  function inPython(call, api, variable) {
    var lines = Object.keys(call).map(function (name) {
      return "    " + name + "=" + indented(python(call[name]), "    ") + ",";
    });
    return [
      "import os",
      "from openai import OpenAI",
      "",
      'client = OpenAI(base_url="' + api + '", api_key=os.environ["' + variable + '"])',
      "stream = client.chat.completions.create(",
    ].concat(lines, [
      ")",
      "for chunk in stream:",
      "    if chunk.choices:",
      '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
    ]).join("\n");
  }

  function inJavaScript(call, api, variable) {
    return [
      'import OpenAI from "openai";',
      "",
      'const client = new OpenAI({ baseURL: "' + api + '", apiKey: process.env.' + variable + " });",
      "const stream = await client.chat.completions.create(" + json(call) + ");",
      "for await (const chunk of stream) {",
      '  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");',
      "}",
    ].join("\n");
  }

  window.chatCode = { curl: curl, python: inPython, javascript: inJavaScript };
})();
