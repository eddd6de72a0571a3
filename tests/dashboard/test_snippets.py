import ast
import json
import shlex

from apps.dashboard import snippets

INPUT = {"prompt": 'it\'s a "fox" $HOME `x` {y}\n\\', "n": 1, "on": True, "none": None, "list": [1]}


def test_curl_survives_a_shell() -> None:
    code = snippets.create_task(model="a/b", task_type="t", input=INPUT).curl

    words = shlex.split(code.replace("\\\n", ""))

    assert words[:2] == ["curl", "http://testserver/api/v1/task"]
    assert json.loads(words[-1]) == {"model": "a/b", "task_type": "t", "input": INPUT}


def test_python_is_python_and_sends_the_same() -> None:
    code = snippets.create_task(model="a/b", task_type="t", input=INPUT).python

    sent = next(
        ast.literal_eval(word.value)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "json"
    )

    assert sent == {"model": "a/b", "task_type": "t", "input": INPUT}


def test_inline_media_is_cut_in_code() -> None:
    code = snippets.create_task(
        model="a", task_type="t", input={"image": "data:image/png;base64," + "A" * 5000}
    )

    assert '"image": "data:image/png;base64,…"' in code.curl
    assert len(code.curl) < 500


def test_javascript_sends_the_same_and_reads_the_key_from_the_environment() -> None:
    code = snippets.create_task(model="a/b", task_type="t", input=INPUT).javascript

    body = code.partition("const body = ")[2].partition(";\nlet task")[0]

    assert json.loads(body) == {"model": "a/b", "task_type": "t", "input": INPUT}
    assert "process.env.MODELYARD_API_KEY" in code


def test_n8n_is_a_node_that_sends_the_same_with_a_credential_chosen_there() -> None:
    shown = json.loads(snippets.create_task(model="a/b", task_type="t", input=INPUT).n8n)

    [node] = shown["nodes"]
    sent = node["parameters"]
    assert (sent["method"], sent["url"]) == ("POST", "http://testserver/api/v1/task")
    assert json.loads(sent["jsonBody"]) == {"model": "a/b", "task_type": "t", "input": INPUT}
    assert sent["genericAuthType"] == "httpHeaderAuth"
    assert "credentials" not in node
