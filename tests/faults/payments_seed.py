"""Inside the platform (`manage.py shell`): workspaces with payment pages, a line of JSON for the run outside."""

import json
import uuid

from apps.accounts.models import User
from apps.billing.services import topups
from apps.billing.services.onboarding import open_workspace

CENT = 100_000


def seed(*, workspaces: int, each: int) -> None:
    """So many workspaces with so many open top-ups each, of different amounts."""
    sessions: dict[str, tuple[int, int]] = {}
    for number in range(workspaces):
        owner = User.objects.create_user(f"payer{number}@example.com")
        workspace = open_workspace(owner=owner, name=f"Payer {number}", grant_points=0)
        for step in range(each):
            top_up = topups.start(
                workspace_id=workspace.pk,
                user=owner,
                amount_points=(300 + number * each + step) * CENT,
                client_key=uuid.uuid4().hex,
                status_url=lambda pk: f"http://127.0.0.1/{pk}",
            )
            sessions[top_up.ref] = (workspace.pk, top_up.amount_points)
    print(json.dumps(sessions))  # noqa: T201 - the answer
