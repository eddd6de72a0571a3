"""Two real Modelyards: what the customer of the first gets, and what it costs whom."""

from pathlib import Path

from scripts.federate import federated_task, two_platforms


def test_customer_of_the_first_gets_the_picture_of_the_second(tmp_path: Path):
    with two_platforms(tmp_path) as (first, second):
        outcome = federated_task(first, second)

        assert outcome.url.startswith(f"{first.url}/files/")
        assert outcome.picture.startswith(b"\x89PNG")
        assert (outcome.price, outcome.cost, outcome.bill) == (10_000, 6_000, 6_000)
        assert (outcome.margin, outcome.served_by) == (4_000, "local")
        for one in (first, second):
            assert one.manage("audit_credits").startswith("Credits balance: ")
