"""Stripe on a developer's machine: a server with memory that speaks the protocol of the official SDK.

Cards, prices, subscriptions, refunds and disputes behave as Stripe documents them for the API version of the installed
SDK; no money moves and nothing leaves the machine but the webhooks. Nothing here imports Django or the platform.
"""
