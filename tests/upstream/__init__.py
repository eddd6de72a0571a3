"""Servers that stand for the world outside: a provider that speaks our contract, and a receiver of webhooks.

Both answer at once, misbehave on request and remember what they saw, for tests and benchmarks. They are never part of
the platform: nothing under apps/ or config/ imports them, and a test says so.

    python -m tests.upstream --port 9000            a provider; prints {"url": …}
    python -m tests.upstream.receiver --port 9001   a receiver of webhooks
"""
