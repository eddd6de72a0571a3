"""What is kept in English of accounts: lines of their histories, reasons, notices.

Pages know it again by its wording (`apps.dashboard.account_words` reads this module), so whatever is stored in words of
ours is one of these, with `format` where it has values.
"""

from apps.core.sentences import sentence

# An account's history.
ADDED = sentence("Added.")
CONNECTED = sentence("Connected.")
PAUSED = sentence("Paused.")
RESUMED = sentence("Resumed.")
PAUSED_BY_OPERATOR = sentence("Paused by the operator: {said}")
OTHER_CREDENTIAL = sentence("It was given another credential.")
WORKS_AGAIN = sentence("It works again.")
FAST_AGAIN = sentence("It has fast hours again.")
OWNER_SAYS_FAST = sentence("Its owner says that it has fast hours again.")
NO_FAST_LEFT = sentence("The provider says that no fast hours are left.")
SEAT_ENDED = sentence("Its seat has ended.")
SEAT_BACK = sentence("The seat is back.")
SHREDDED = sentence("Its credential was deleted: it was too long without a seat.")
BACKUP_ACTIVATED = sentence("Activated as a backup: {reason}")
# Why backups are needed.
NO_OTHER_ACTIVE = sentence("No other account is active.")
NO_OTHER_FAST = sentence("No active account has fast hours.")
# Why an account is not set up for use, or could not be asked.
GIVE_AGAIN = sentence("Its credential was deleted while it had no seat. Give it again.")
CHECK_BROKE = sentence("The check broke: {kind}.")

# Notices.
BANNED = sentence("The provider has blocked {name}.")
SUBSCRIPTION_EXPIRED = sentence("The provider's subscription of {name} has ended.")
CAPTCHA_REQUIRED = sentence(
    "The provider wants to see a person behind {name}: solve the captcha there, then say so here."
)
# The reason is the label of a status in small letters.
TAKES_NO_TASKS = sentence("{name} takes no tasks: {reason}.")
RECOVERED = sentence("{name} works again.")
AT_ITS_LIMIT = sentence("{name} has reached its usage limit.")
OUT_OF_FAST = sentence("{name} has no fast hours left and takes relax tasks only.")
BACKUPS_START = sentence("Backup accounts take tasks from now on: {names}.")
NO_SEAT = sentence(
    "There is no seat any more for: {names}. They take no tasks; their credentials are kept until {day},"
    " in case you rent the seats again."
)
NONE_LEFT = sentence("No Midjourney account of this workspace takes tasks now.")
