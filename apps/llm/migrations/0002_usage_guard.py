"""What was used and charged is written once."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION llm_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER usage_written_once BEFORE UPDATE ON llm_usage
    FOR EACH ROW EXECUTE FUNCTION llm_written_once();
CREATE TRIGGER price_written_once BEFORE UPDATE ON llm_priceversion
    FOR EACH ROW EXECUTE FUNCTION llm_written_once();
"""
BACKWARDS = """
DROP TRIGGER price_written_once ON llm_priceversion;
DROP TRIGGER usage_written_once ON llm_usage;
DROP FUNCTION llm_written_once();
"""


class Migration(migrations.Migration):
    dependencies = [("llm", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
