"""Words that the domain owns and these pages show: states, roles, periods, networks, features of plans.

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
    # apps.billing.policies.counters
    gettext_noop("a day (UTC)"),
    gettext_noop("a month (UTC)"),
    gettext_noop("in all"),
    # apps.billing.chains, apps.billing.services.processors; other networks are names
    gettext_noop("Local test chain"),
    gettext_noop("Bitcoin and other coins (BTCPay Server)"),
    # apps.accounts.policies.FEATURE_WORDS
    gettext_noop("File uploads by API"),
    gettext_noop("gpt-4o, Claude, vision and dall-e-3"),
    gettext_noop("GPTs without an own account"),
    gettext_noop("Webhooks about the account"),
    gettext_noop("Suno lyrics"),
    gettext_noop("Automatic upload of results"),
    gettext_noop("Choose the own account that takes a task"),
)
