"""Words that the domain owns and these pages show: states, roles, reasons of ledger lines.

Interfaces say them in English, so they are no translations where they are defined; pages translate them where they are
shown. Here they are only listed, so that they are in the catalogue of translations.
"""

from django.utils.translation import gettext_noop

SHOWN = (
    # TopUp.State
    gettext_noop("Waiting for payment"),
    gettext_noop("Being paid"),
    gettext_noop("Needs confirmation"),
    gettext_noop("Credited"),
    gettext_noop("Failed"),
    gettext_noop("Expired"),
    gettext_noop("Cancelled"),
    # Reward.Rule, Reward.State
    gettext_noop("Sign-up"),
    gettext_noop("First top-up"),
    gettext_noop("First subscription"),
    gettext_noop("Taken back"),
    gettext_noop("Refused"),
    # Membership.Role
    gettext_noop("Owner"),
    gettext_noop("Admin"),
    gettext_noop("Developer"),
    gettext_noop("Billing"),
    gettext_noop("Viewer"),
    # Reversal.Kind, and the text of a top-up's line on documents: notes of ledger lines
    gettext_noop("Refund"),
    gettext_noop("Dispute"),
    gettext_noop("Chain reorganisation"),
    gettext_noop("Credits"),
)
