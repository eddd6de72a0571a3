from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0006_referral_places'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='creditentry',
            index=models.Index(condition=models.Q(('kind__in', ['PURCHASE', 'GRANT', 'REFUND', 'CLAWBACK', 'REINSTATEMENT', 'REPAYMENT', 'EXPIRY', 'ADJUSTMENT'])), fields=['workspace', '-id'], name='credit_entry_not_of_work'),
        ),
    ]
