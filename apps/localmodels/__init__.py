"""The local model server: OpenAI's API in a process of its own, with no network, no key and no memory of anybody.

It is no part of the web process, which reaches it over a unix socket like any other provider. It has no limits per
customer, no prices and no accounts: whoever can connect may use it. The engines are `apps.providers.local.chat`.
"""
