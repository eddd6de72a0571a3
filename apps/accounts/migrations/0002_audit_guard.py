"""The audit trail only grows; only the workspace's own deletion takes its rows along."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION accounts_audit_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'accounts_auditevent is insert-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_never_changes BEFORE UPDATE OF action, target, detail, ip, created_at, workspace_id
    ON accounts_auditevent FOR EACH ROW EXECUTE FUNCTION accounts_audit_never_changes();
"""
BACKWARDS = """
DROP TRIGGER audit_never_changes ON accounts_auditevent;
DROP FUNCTION accounts_audit_never_changes();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
