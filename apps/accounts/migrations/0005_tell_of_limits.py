"""A change of a workspace's own concurrency limit is told too."""

from django.db import migrations

FORWARDS = """
DROP TRIGGER tell_of_workspace_change ON accounts_workspace;
CREATE TRIGGER tell_of_workspace_change
    AFTER DELETE OR UPDATE OF slug, plan, is_enabled, concurrency_override
    ON accounts_workspace FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
"""
BACKWARDS = """
DROP TRIGGER tell_of_workspace_change ON accounts_workspace;
CREATE TRIGGER tell_of_workspace_change
    AFTER DELETE OR UPDATE OF slug, plan, is_enabled
    ON accounts_workspace FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_concurrency_override")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
