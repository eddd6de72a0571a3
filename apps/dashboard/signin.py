"""Sign-in with GitHub and Google under our Content-Security-Policy.

Their first step is a form on our page that is answered with a redirect to them, and browsers count that redirect as a
form's target. So each of these two pages, and no other, may send a form to its one host.
"""

from allauth.socialaccount.providers.github.views import oauth2_login as github
from allauth.socialaccount.providers.google.views import oauth2_login as google
from csp.decorators import csp_update

github_login = csp_update({"form-action": ["https://github.com"]})(github)
google_login = csp_update({"form-action": ["https://accounts.google.com"]})(google)
