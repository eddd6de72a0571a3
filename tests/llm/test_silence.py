"""What a client gets of a stream while its provider says nothing."""

from typing import Any

from tests.llm.service import Service, events


def test_a_silent_stream_is_kept_alive_and_ends_as_any(service: Service, settings: Any) -> None:
    settings.LLM_KEEP_ALIVE_SECONDS = 0.2

    text = service.chat({"before": 1, "delay": 0.5}, stream=True).text

    comment = ": keep-alive\n\n"
    assert text.startswith(comment * 3)
    assert text.count(comment) >= 6
    assert events(text)[-1] == "[DONE]"
    [row] = service.usage()
    assert (row.end, row.output_tokens) == ("completed", 3)


def test_a_stream_that_goes_on_has_nothing_else_in_it(service: Service, settings: Any) -> None:
    settings.LLM_KEEP_ALIVE_SECONDS = 5

    assert ": keep-alive" not in service.chat({"delay": 0.05}, stream=True).text
