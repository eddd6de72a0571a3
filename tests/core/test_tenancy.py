import pytest
from django.apps import apps

from apps.core.tenancy import ScopeMissing, TenantManager
from apps.tasks.models import Task
from tests.factories import WorkspaceFactory, task

TENANT_MODELS = [
    model for model in apps.get_models() if isinstance(model._default_manager, TenantManager)
]


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model.__name__)
def test_query_without_a_workspace_is_refused(model: type[Task]):
    for query in ("all", "count", "first", "exists"):
        with pytest.raises(ScopeMissing, match=model.__name__):
            getattr(model.objects, query)()
    with pytest.raises(ScopeMissing):
        model.objects.filter(pk=1)


@pytest.mark.django_db
def test_query_of_a_workspace_shows_no_other_workspaces_rows():
    mine, theirs = WorkspaceFactory.create(), WorkspaceFactory.create()
    own = task(mine)
    task(theirs)

    assert list(Task.objects.of(mine.pk)) == [own]
    assert Task.objects.across_workspaces().count() == 2


def test_every_model_that_belongs_to_a_workspace_is_a_tenant_model():
    outside = {"Membership", "PriceOverride"}
    belonging = {
        model.__name__
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        and any(f.name == "workspace" for f in model._meta.fields)
    }

    assert belonging - outside == {model.__name__ for model in TENANT_MODELS}
