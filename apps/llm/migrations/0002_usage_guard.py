"""What was used and charged is written once; only what was charged for an answer that never left can be taken back."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION llm_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION llm_only_taken_back() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    used text[] := ARRAY['end', 'points', 'usage_source', 'input_tokens', 'cached_tokens', 'output_tokens',
                         'reasoning_tokens', 'units', 'error'];
BEGIN
    IF NOT OLD.is_stream AND NEW."end" = 'gateway_lost' AND NEW.points = 0
       AND to_jsonb(NEW) - used = to_jsonb(OLD) - used THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'llm_usage is never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER usage_written_once BEFORE UPDATE ON llm_usage
    FOR EACH ROW EXECUTE FUNCTION llm_only_taken_back();
CREATE TRIGGER price_written_once BEFORE UPDATE ON llm_priceversion
    FOR EACH ROW EXECUTE FUNCTION llm_written_once();
"""
BACKWARDS = """
DROP TRIGGER price_written_once ON llm_priceversion;
DROP TRIGGER usage_written_once ON llm_usage;
DROP FUNCTION llm_only_taken_back();
DROP FUNCTION llm_written_once();
"""


class Migration(migrations.Migration):
    dependencies = [("llm", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
