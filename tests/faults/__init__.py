"""The whole platform under fire: `./run faults` kills it by the hundred and then proves that nothing was lost.

Everything is real: the program tree of `./run up` with its servers, a provider and a receiver of webhooks over HTTP,
and customers who repeat a request until they have an answer.
"""
