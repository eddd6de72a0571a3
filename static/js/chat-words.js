// What the chat says of money, time and refusals, and where it looks a cost up.
(function () {
  "use strict";

  // In the language of the page.
  var words = document.currentScript.dataset;
  var NOBODY = "00000000-0000-0000-0000-000000000000";
  // A row is written when the gateway has seen us leave: soon, but not at once.
  var COST_WAITS = [200, 500, 1000, 2000, 4000];

  function usd(points) {
    var digits = String(points).padStart(8, "0");
    var fraction = digits.slice(-7).replace(/0+$/, "").padEnd(2, "0");
    return "$" + Number(digits.slice(0, -7)).toLocaleString("en") + "." + fraction;
  }

  function seconds(ms) {
    return ms < 1000 ? Math.round(ms) + " ms" : (ms / 1000).toFixed(1) + " s";
  }

  function link(text, href) {
    var made = window.chatText.element("a", "btn btn-sm", text);
    made.href = href;
    return made;
  }

  // What to do about a refusal, beside doing it again.
  function wayOut(root, type) {
    var data = root.dataset;
    if (type === "insufficient_credits" && data.topup) return link(words.topUp, data.topup);
    if (type === "spend_limit_reached" && data.budgets) return link(words.budgets, data.budgets);
    if (type === "plan_required" && data.plans) return link(words.plans, data.plans);
    if (type === "invalid_api_key") return link(words.signIn, data.signin);
    return null;
  }

  function pageOf(root, call) {
    return root.dataset.call.replace(NOBODY, call);
  }

  function cost(found) {
    return found.cost_points ? usd(found.cost_points) : words.notCharged;
  }

  async function refusalIn(response) {
    try {
      var body = await response.json();
      return { message: body.error.message, type: body.error.type };
    } catch (error) {
      return { message: words.failed.replace("{status}", response.status), type: "unknown" };
    }
  }

  async function costOf(root, call) {
    var url = pageOf(root, call) + "/cost";
    for (var wait of COST_WAITS) {
      await new Promise(function (done) { window.setTimeout(done, wait); });
      var response = await fetch(url).catch(function () { return null; });
      if (response && response.ok) return response.json();
    }
    return null;
  }

  window.chatWords = { seconds: seconds, wayOut: wayOut, pageOf: pageOf, cost: cost, refusalIn: refusalIn, costOf: costOf };
})();
