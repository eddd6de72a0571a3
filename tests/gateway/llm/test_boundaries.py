"""Numbers, texts and shapes at the edge of what can be said: understood or refused, never a fault of ours."""

import json
from collections import Counter

import pytest

from tests.gateway.llm.endpoints import ENDPOINTS, Endpoint, refused
from tests.llm.service import Service

# As they stand in JSON.
EDGES = [
    "0", "-1", "1", "2147483647", "2147483648", "9007199254740993", "9223372036854775807", "9223372036854775808",
    "18446744073709551616", "1e308", "-1e308", "1e400", "1.5", "NaN", "-0.0", "true", "null", '""', '"\\u0000"',
    '"\\ud83d"', '"1e5"', '"nan"', "[]", "{}", "[[]]", '{"type": null}', '[{"type": "text"}]', '["\\u0000"]',
    "[9223372036854775808]", '"' + "x" * 5000 + '"',
]  # fmt: skip
FIELDS = {
    "chat/completions": ["messages", "model", "n", "max_tokens", "temperature", "seed", "stream", "stop", "tools"],
    "completions": ["prompt", "n", "best_of", "max_tokens", "logprobs", "echo", "suffix"],
    "responses": ["input", "instructions", "max_output_tokens", "tools", "text", "reasoning"],
    "messages": ["messages", "system", "max_tokens", "thinking", "stop_sequences", "tools", "metadata"],
    "embeddings": ["input", "dimensions", "encoding_format", "model"],
    "images/generations": ["prompt", "n", "size", "stream"],
    "audio/speech": ["input", "voice", "speed", "response_format"],
    "moderations": ["input", "model"],
}  # fmt: skip
ASKED = [one for one in ENDPOINTS if one.path in FIELDS]


def with_edge(endpoint: Endpoint, field: str, edge: str) -> bytes:
    rest = {name: value for name, value in endpoint.body.items() if name != field}
    return f'{json.dumps(rest)[:-1]}, "{field}": {edge}}}'.encode()


@pytest.mark.parametrize("endpoint", ASKED, ids=[one.path for one in ASKED])
def test_whatever_stands_in_a_field_is_understood_or_refused(
    service: Service, endpoint: Endpoint
) -> None:
    rich = service.customer(points=10**12, rate_limit_per_minute=10**6)
    answered: Counter[int] = Counter()
    for field in FIELDS[endpoint.path]:
        for edge in EDGES:
            answer = rich.post(endpoint.path, with_edge(endpoint, field, edge))
            answered[answer.status_code] += 1
            assert answer.status_code in (200, 400, 403), (field, edge, answer.text)
            if answer.status_code != 200:
                refused(endpoint, answer)

    assert answered[200] > 0
    assert answered[400] > 0
    rows = rich.usage()
    ends = Counter(row.end for row in rows)
    assert (ends["completed"], set(ends) <= {"completed", "refused"}) == (answered[200], True)
    assert all(row.written_off == 0 for row in rows)
    assert rich.spent() == sum(row.points for row in rows)


def test_what_can_be_held_has_an_end(service: Service) -> None:
    """The most that can be asked for: more than any wallet has, and no number overflows."""
    answer = service.chat("Hi", model="gpt-4.1", n=128, max_tokens=2**31 - 1)

    assert refused(ENDPOINTS[0], answer) == (402, "insufficient_credits")
    assert service.spent() == 0
