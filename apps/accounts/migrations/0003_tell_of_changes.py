"""Every process that remembers a key hears when the key or its workspace changes."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION accounts_tell_of_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('accounts_identity', '');
    RETURN NULL;
END $$;
CREATE TRIGGER tell_of_key_change
    AFTER DELETE OR UPDATE OF digest, workspace_id, scopes, allowed_networks, cap_total_points, cap_daily_points,
                              cap_monthly_points, rate_limit_per_minute, expires_at, revoked_at
    ON accounts_apikey FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
CREATE TRIGGER tell_of_workspace_change
    AFTER DELETE OR UPDATE OF slug, plan, is_enabled
    ON accounts_workspace FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
"""
BACKWARDS = """
DROP TRIGGER tell_of_workspace_change ON accounts_workspace;
DROP TRIGGER tell_of_key_change ON accounts_apikey;
DROP FUNCTION accounts_tell_of_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_audit_guard")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
