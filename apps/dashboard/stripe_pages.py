"""Forms that are answered with a redirect to Stripe's pages, under our Content-Security-Policy.

Browsers count such a redirect as a form's target. So the pages with these forms, and no other, may send a form there;
https://docs.stripe.com/security/guide lists the hosts. The stand-in of test payments is of our own origin.
"""

from csp.decorators import csp_update

may_go_to_stripe = csp_update(
    {
        "form-action": [
            "https://checkout.stripe.com",
            "https://billing.stripe.com",
            # Where a bank asks for its customer. https://docs.stripe.com/payments/3d-secure/authentication-flow
            "https://hooks.stripe.com",
        ]
    }
)
