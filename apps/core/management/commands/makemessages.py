"""Django's `makemessages`, which also finds what the domain says (`apps.core.sentences`)."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=sentence"]
