"""Automatic top-ups: the saved card is charged when a balance falls below its owner's mark.

`terms` holds what the owner wants, `watch` finds whose turn it is, `charge` brings one top-up from its row to its end,
`outcome` says what an answer of Stripe's means, `events` and the sweep look again.
"""
