"""Stand-ins for payment providers on a developer's machine: what `./run up` and the tests talk to without any account.

They speak the real protocols over HTTP and know nothing of the platform; no production process loads them.
"""
