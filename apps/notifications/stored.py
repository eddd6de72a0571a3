"""What is kept in English of endpoints: why attempts came to nothing, and notices.

Pages know it again by its wording (`apps.dashboard.account_words` reads this module), so whatever is stored in words of
ours is one of these, with `format` where it has values.
"""

from apps.core.sentences import sentence

# Attempts.
UNREADABLE = sentence("The webhook secret can no longer be read, so nothing was sent.")
WITHHELD = sentence("Not sent: the endpoint was paused or deleted.")
GONE = sentence("The endpoint is gone; this event is not sent to it again.")
NOT_MADE = sentence("The attempt could not be made.")
NOT_FOLLOWED = sentence("Redirects are not followed.")
NOT_ACKNOWLEDGED = sentence("Not acknowledged.")

# Notices. The reason is one of the above without its full stop, what was wrong on the way, or an HTTP status.
FAILS_ONCE = sentence(
    "The webhook endpoint at {host} has failed {count} time in a row ({reason})."
    " Events are tried again for up to 5 days and then kept for replay."
)
FAILS = sentence(
    "The webhook endpoint at {host} has failed {count} times in a row ({reason})."
    " Events are tried again for up to 5 days and then kept for replay."
)
RECOVERED = sentence("The webhook endpoint at {host} works again.")
SWITCHED_OFF = sentence(
    "The webhook endpoint at {host} has failed for {days} days and was switched off."
    " Its events are kept for replay for 30 days."
)
