"""A plan version stays as it was sold; changes of plans and budgets are told to every process."""

from django.db import migrations

# A plan version is what somebody bought: it can be added and, while nobody has it, removed, but not changed.
FORWARDS = """
DROP TRIGGER tell_of_workspace_change ON accounts_workspace;
CREATE TRIGGER tell_of_workspace_change
    AFTER DELETE OR UPDATE OF slug, plan, plan_version_id, is_enabled, concurrency_override, cap_daily_points,
                              cap_monthly_points, budget_refuses
    ON accounts_workspace FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
CREATE TRIGGER tell_of_member_change
    AFTER DELETE OR UPDATE OF cap_daily_points, cap_monthly_points
    ON accounts_membership FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
CREATE TRIGGER tell_of_plan_change
    AFTER INSERT OR DELETE ON accounts_planversion FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();

CREATE FUNCTION accounts_plan_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - 'created_by_id') IS DISTINCT FROM (to_jsonb(OLD) - 'created_by_id') THEN
        RAISE EXCEPTION 'a plan version is never changed: add the next one' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER plan_version_stays BEFORE UPDATE ON accounts_planversion
    FOR EACH ROW EXECUTE FUNCTION accounts_plan_version_stays();
"""
BACKWARDS = """
DROP TRIGGER plan_version_stays ON accounts_planversion;
DROP FUNCTION accounts_plan_version_stays();
DROP TRIGGER tell_of_plan_change ON accounts_planversion;
DROP TRIGGER tell_of_member_change ON accounts_membership;
DROP TRIGGER tell_of_workspace_change ON accounts_workspace;
CREATE TRIGGER tell_of_workspace_change
    AFTER DELETE OR UPDATE OF slug, plan, is_enabled, concurrency_override
    ON accounts_workspace FOR EACH STATEMENT EXECUTE FUNCTION accounts_tell_of_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_plans_and_budgets")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
