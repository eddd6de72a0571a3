"""`./run faults payments` in a minute: the same run, smaller."""

import shutil
from pathlib import Path

from tests.faults.payments import Size, run
from tests.faults.proof import table

SHORT = Size(payments=40, copies=3, kills=3, seed=3)


def test_every_payment_is_credited_once_while_workers_die(tmp_path: Path):
    outcome = run(size=SHORT, folder=tmp_path)

    assert outcome.is_clean, f"{table(outcome.verdicts)}\n{outcome.figures}\nkept in {tmp_path}"
    assert outcome.figures["answers"] == {200: outcome.figures["posts"]}
    assert sum(outcome.figures["kills"].values()) == SHORT.kills
    shutil.rmtree(tmp_path)
