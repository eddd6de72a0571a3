"""Settings about money; `settings` takes them all over. Points: 10,000,000 are one US dollar."""

from django.core.exceptions import ImproperlyConfigured

from config import env

# No key, no cards. `./run up` without one starts a stand-in that speaks Stripe's protocol, and says so on every page.
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", default="")
# Without it /hooks/stripe answers 404: an empty secret would let anybody sign.
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", default="")
STRIPE_API_BASE = env.text("STRIPE_API_BASE", default="https://api.stripe.com").rstrip("/")
STRIPE_TAX = env.flag("STRIPE_TAX", default=False)
# What a top-up by card may be; 10000000 points are US$1.
TOPUP_MIN_POINTS = env.number("TOPUP_MIN_POINTS", default=30_000_000)
TOPUP_MAX_POINTS = env.number("TOPUP_MAX_POINTS", default=100_000_000_000)
# The shortest time between two automatic top-ups of a workspace.
AUTO_TOPUP_MIN_MINUTES = env.number("AUTO_TOPUP_MIN_MINUTES", default=10)
# Up to here one operator refunds a payment alone.
REFUND_APPROVAL_POINTS = env.number("REFUND_APPROVAL_POINTS", default=200_000_000)
# Account-level public key (m/44'/60'/0') that deposit addresses come from; without it there is no crypto. A private
# key is refused: this machine must never hold one.
CRYPTO_XPUB = env.text("CRYPTO_XPUB", default="")
if CRYPTO_XPUB and not CRYPTO_XPUB.startswith("xpub"):
    raise ImproperlyConfigured(
        "CRYPTO_XPUB must be an extended public key (xpub…), never a private key (xprv…)."
    )
CRYPTO_CHAINS = {
    name: {
        part: env.text(f"CRYPTO_{name.upper()}_{part.upper()}", default="")
        for part in ("rpc", "rpc_check", "confirmations", "tokens")
    }
    for name in env.names("CRYPTO_CHAINS", default="")
}
# A BTCPay Server that takes whatever its operator switched on there.
BTCPAY_URL = env.text("BTCPAY_URL", default="").rstrip("/")
BTCPAY_API_KEY = env.text("BTCPAY_API_KEY", default="")
BTCPAY_STORE_ID = env.text("BTCPAY_STORE_ID", default="")
# Without it /hooks/btcpay answers 404.
BTCPAY_WEBHOOK_SECRET = env.text("BTCPAY_WEBHOOK_SECRET", default="")
# The payment providers are stand-ins: no money moves.
TEST_PAYMENTS = env.flag("TEST_PAYMENTS", default=False)
# Seats for own accounts, by family: points a month for the first unit and each further, and how many seats a unit is.
# Who has seats keeps the price that was agreed. docs/plans.md
SEAT_PRICES = {
    "midjourney": (100_000_000, 60_000_000, 1),
    "suno": (50_000_000, 50_000_000, 2),
    **dict.fromkeys(
        (
            "gpts",
            "hailuo",
            "kling",
            "luma",
            "udio",
            "ace_step",
            "diffrhythm",
            "flux",
            "framepack",
            "gemini",
            "hug_video",
            "hunyuan",
            "image_toolkit",
            "joycaption",
            "llm",
            "mmaudio",
            "omni_human",
            "qwen_image",
            "seedance",
            "seedream",
            "skyreels",
            "sora",
            "trellis",
            "tts",
            "veo",
            "video_toolkit",
            "wan",
            "wanx",
            "z_image",
        ),
        (50_000_000, 50_000_000, 1),
    ),
}
# Days after a failed renewal on which the owner is written to; on the last one the plan ends.
DUNNING_DAYS = (0, 3, 7)
# How long bought credits can be spent (0: for ever), and how long before their owners are written to.
CREDITS_EXPIRE_DAYS = env.number("CREDITS_EXPIRE_DAYS", default=180)
EXPIRY_WARNING_DAYS = env.number("EXPIRY_WARNING_DAYS", default=7)
# Below this balance owners get a mail, unless their workspace has its own mark; and where credits count as exhausted.
LOW_BALANCE_POINTS = env.number("LOW_BALANCE_POINTS", default=10_000_000)
EXHAUSTED_POINTS = 5_000_000
# Rewards for bringing somebody, in display credits (700 are US$1); 0 switches one off. docs/referrals.md
REFERRAL_SIGN_UP_CREDITS = env.number("REFERRAL_SIGN_UP_CREDITS", default=100)
REFERRAL_FIRST_TOP_UP_CREDITS = env.number("REFERRAL_FIRST_TOP_UP_CREDITS", default=700)
REFERRAL_FIRST_SUBSCRIPTION_CREDITS = env.number(
    "REFERRAL_FIRST_SUBSCRIPTION_CREDITS", default=1400
)
# How long a payment must stay before it is rewarded, and a visitor is remembered before signing up.
REFERRAL_HOLD_DAYS = env.number("REFERRAL_HOLD_DAYS", default=14)
REFERRAL_COOKIE_DAYS = env.number("REFERRAL_COOKIE_DAYS", default=30)
# Wrong redeem codes an hour from a person and from a network; from everybody together: the log says so, loudly.
REDEEM_TRIES_PER_HOUR = env.number("REDEEM_TRIES_PER_HOUR", default=5)
REDEEM_ALARM_PER_HOUR = env.number("REDEEM_ALARM_PER_HOUR", default=200)
# Up to here one operator corrects a balance alone, per workspace and day; 10000000 points are US$1.
ADJUSTMENT_APPROVAL_POINTS = env.number("ADJUSTMENT_APPROVAL_POINTS", default=200_000_000)
# Who sells, as the first invoice prints it; from then on the operator's console says it. "\n" ends a line of the
# address.
SELLER_NAME = env.text("SELLER_NAME", default=env.text("SITE_NAME", default="Modelyard"))
SELLER_ADDRESS = env.text("SELLER_ADDRESS", default="").replace("\\n", "\n")
SELLER_COUNTRY = env.country_code("SELLER_COUNTRY", env.text("SELLER_COUNTRY", default=""))
SELLER_TAX_ID = env.text("SELLER_TAX_ID", default="")
SELLER_EMAIL = env.text("SELLER_EMAIL", default="")
