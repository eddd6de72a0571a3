from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built while tasks are created: CONCURRENTLY, which no transaction may contain.
    atomic = False

    dependencies = [
        ('tasks', '0007_saved_views'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='task',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['workspace', 'error_code', '-created_at', '-id'], name='task_newest_by_error'),
        ),
    ]
