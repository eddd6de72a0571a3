"""The least that creating a task could cost: a bare Django view that does the same writes in one SQL statement.

It reads the same body and answers as many bytes, but knows no keys, limits, catalog, prices or checks.
"""

import json
import uuid

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.selectors import Identity
from apps.tasks.models import Task
from apps.tasks.services.create import insert_statement


@csrf_exempt
def floor(request: HttpRequest) -> JsonResponse:
    body = json.loads(request.body)
    workspace_id = int(request.headers["X-Workspace"])
    task = Task(
        id=uuid.uuid4(),
        workspace_id=workspace_id,
        model=body["model"],
        task_type=body["task_type"],
        family="local",
        status="pending",
        input=body["input"],
        price_points=10_000,
        price_lines=_LINES,
    )
    sql, parameters = insert_statement(
        task, Identity(workspace_id, "", "", True, 10**9), seconds=300
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        _, created_at, _ = cursor.fetchone()
    return JsonResponse(
        {
            "code": 200,
            "data": {"task_id": task.id, "created_at": created_at, **_PADDING},
            "message": "success",
        }
    )


_LINES = [{"rate": "task", "unit": "image", "quantity": "1", "points_per_unit": "10000"}]
_PADDING = {"padding": "x" * 700}
