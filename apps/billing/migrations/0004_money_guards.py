"""What constraints cannot say about documents, and a lot for every income line there already is."""

from django.db import migrations

FORWARDS = """
INSERT INTO billing_creditlot (entry_id, workspace_id, points, remaining)
SELECT id, workspace_id, available_delta, available_delta FROM billing_creditentry
 WHERE kind IN ('PURCHASE', 'GRANT', 'REFUND') OR (kind = 'ADJUSTMENT' AND available_delta > 0);

CREATE FUNCTION billing_invoice_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('modelyard.allow_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'an invoice is never changed: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoice_stays_rows BEFORE UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_invoice_stays();
CREATE TRIGGER invoice_stays_table BEFORE TRUNCATE ON billing_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION billing_invoice_stays();
"""
BACKWARDS = """
DROP TRIGGER invoice_stays_table ON billing_invoice;
DROP TRIGGER invoice_stays_rows ON billing_invoice;
DROP FUNCTION billing_invoice_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_money")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
