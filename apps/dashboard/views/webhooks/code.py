"""Code that tells our events from others', to copy into a receiver."""

_PYTHON = """\
import base64, hashlib, hmac, time


def is_ours(secret: str, headers, body: bytes) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    is_fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    # During a change of the secret there are two signatures.
    given = headers["webhook-signature"].split()
    return is_fresh and any(hmac.compare_digest(expected, one) for one in given)
"""
_NODE = """\
const { createHmac, timingSafeEqual } = require("crypto");

function isOurs(secret, headers, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const expected = Buffer.from("v1," + createHmac("sha256", key).update(signed).digest("base64"));
  const isFresh = Math.abs(Date.now() / 1000 - Number(headers["webhook-timestamp"])) < 300;
  // During a change of the secret there are two signatures.
  return isFresh && headers["webhook-signature"].split(" ").some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
"""
_PHP = """\
<?php
function is_ours(string $secret, array $headers, string $body): bool {
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    $signed = $headers['webhook-id'] . '.' . $headers['webhook-timestamp'] . '.' . $body;
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    $fresh = abs(time() - (int) $headers['webhook-timestamp']) < 300;
    // During a change of the secret there are two signatures.
    foreach (explode(' ', $headers['webhook-signature']) as $given) {
        if ($fresh && hash_equals($expected, $given)) return true;
    }
    return false;
}
"""
LANGUAGES = (("python", "Python", _PYTHON), ("node", "Node.js", _NODE), ("php", "PHP", _PHP))
