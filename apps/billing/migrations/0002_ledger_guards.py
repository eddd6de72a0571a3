"""What constraints cannot say: the ledger only grows, and a settlement fits its hold."""

from django.db import migrations

# TRUNCATE is refused too, except for sessions that say they may: the test suite cleans up with it.
FORWARDS = """
CREATE FUNCTION billing_ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('modelyard.allow_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'billing_creditentry is insert-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_only_grows_rows BEFORE UPDATE OR DELETE ON billing_creditentry
    FOR EACH ROW EXECUTE FUNCTION billing_ledger_only_grows();
CREATE TRIGGER ledger_only_grows_table BEFORE TRUNCATE ON billing_creditentry
    FOR EACH STATEMENT EXECUTE FUNCTION billing_ledger_only_grows();

CREATE FUNCTION billing_settlement_fits_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM billing_creditentry
      WHERE workspace_id = NEW.workspace_id AND reference = NEW.reference AND kind = 'HOLD'
        AND held_delta = -NEW.held_delta;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% of % does not fit a hold', NEW.kind, NEW.reference USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER settlement_fits_hold BEFORE INSERT ON billing_creditentry
    FOR EACH ROW WHEN (NEW.kind IN ('CAPTURE', 'RELEASE'))
    EXECUTE FUNCTION billing_settlement_fits_hold();
"""
BACKWARDS = """
DROP TRIGGER settlement_fits_hold ON billing_creditentry;
DROP TRIGGER ledger_only_grows_table ON billing_creditentry;
DROP TRIGGER ledger_only_grows_rows ON billing_creditentry;
DROP FUNCTION billing_settlement_fits_hold();
DROP FUNCTION billing_ledger_only_grows();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
