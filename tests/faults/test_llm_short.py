"""`./run faults llm` in a minute: the same run, smaller."""

import shutil
from pathlib import Path

from tests.faults.llm import Size, run
from tests.faults.proof import table

SHORT = Size(streams=300, kills=3, seed=5, at_once=16)


def test_calls_are_billed_exactly_while_gateways_die(tmp_path: Path):
    report = run(size=SHORT, folder=tmp_path)

    assert report.is_clean, f"{table(report.verdicts)}\n{report.figures}\nkept in {tmp_path}"
    assert sum(report.figures["kills"].values()) == SHORT.kills
    assert report.figures["outcomes"]["finished"] > SHORT.streams // 2
    shutil.rmtree(tmp_path)
