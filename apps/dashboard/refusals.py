"""What services refuse, as pages say it. The API says the same in English, so services speak that."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.core.errors import DomainError

# Of `apps.accounts`, for whoever collects the texts that are translated. What is not here stays English.
_MESSAGES = (
    gettext_noop("Choose how long the old secret goes on working."),
    gettext_noop("This key has a newer secret already. Rotate again only if that is lost."),
    gettext_noop("This key is revoked, and that is for good. Create another one."),
    gettext_noop("Give the key a name of 1 to 100 characters."),
    gettext_noop("The expiry must lie in the future."),
    gettext_noop("The limit must not be negative or that large."),
    gettext_noop("A key needs at least 1 request a minute."),
    gettext_noop("A key needs at least 1 token a minute."),
    gettext_noop("Name at most 100 models by their ids, such as gpt-4o-mini."),
    gettext_noop("At most 50 addresses or ranges."),
    gettext_noop("Each line must be an address or a range such as 203.0.113.0/24."),
    gettext_noop("The seven days are over: this workspace cannot be had back."),
    gettext_noop("This person is a member already."),
    gettext_noop("This address is invited already. Send it again below."),
    gettext_noop("This invitation was accepted before. Each works once."),
    gettext_noop("This invitation was withdrawn."),
    gettext_noop("This invitation has expired. Ask for another one."),
    gettext_noop("This invitation is for another address than yours."),
    gettext_noop("This is no e-mail address."),
    gettext_noop("The owner stays owner until somebody else is made owner."),
    gettext_noop("The owner cannot go. Make somebody else owner first."),
    gettext_noop("Choose what becomes of their keys."),
    gettext_noop("Only the owner makes somebody else owner."),
    gettext_noop("You own this workspace already."),
    gettext_noop("This person is switched off and cannot own a workspace."),
    gettext_noop("Use at most 100 characters."),
    gettext_noop("Choose a language of the list."),
    gettext_noop("Choose a time zone of the list."),
    gettext_noop("Give it a name of 1 to 100 characters."),
    gettext_noop("Use 1 to 50 small letters, digits and dashes, and no word of ours."),
    gettext_noop("Another workspace has this address."),
)


def said(error: DomainError) -> str:
    """The message, which begins with the name of the field where it is about one."""
    field = str((error.detail or {}).get("field", ""))
    begin = f"{field}: " if error.message.startswith(f"{field}: ") else ""
    return begin + _(error.message.removeprefix(begin))
