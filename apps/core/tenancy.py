"""A query on a workspace's rows must say whose rows it wants.

`Model.objects` of a tenant model refuses to build a query until it is told: `.of(workspace_id)` for one workspace, or
`.across_workspaces()` for the few jobs that really look at all of them (sweeps, audits, the operator's console).
`docs/decisions/0003-tenant-scope.md` says why this is not a context variable.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class ScopeMissing(Exception):
    """A query on a tenant model named no workspace. This is a fault in our code, never the customer's."""


class TenantQuerySet(models.QuerySet[Row]):
    """An ordinary queryset once a scope was given."""


class TenantManager(models.Manager[Row]):
    """Gives out querysets only with a scope. Creating needs none: a new row names its workspace itself."""

    def get_queryset(self) -> TenantQuerySet[Row]:
        raise ScopeMissing(
            f"{self.model.__name__}.objects needs .of(workspace_id) or .across_workspaces()."
        )

    def of(self, workspace_id: int) -> TenantQuerySet[Row]:
        """One workspace's rows."""
        return self.across_workspaces().filter(workspace_id=workspace_id)

    def across_workspaces(self) -> TenantQuerySet[Row]:
        """Every workspace's rows: for sweeps, audits and the operator only."""
        return TenantQuerySet[Row](self.model, using=self._db)

    def create(self, **values: Any) -> Row:
        return self.across_workspaces().create(**values)

    def bulk_create(self, objs: Iterable[Row], *args: Any, **options: Any) -> list[Row]:
        return self.across_workspaces().bulk_create(objs, *args, **options)
