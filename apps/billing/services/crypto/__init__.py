"""Dollar tokens on EVM chains: addresses we give out, transfers we find, and the credits they become.

`topups` gives a top-up its address, `watch` reads chains, `deposits` is the only place where a transfer's row changes,
`operator` is what a person decides.
"""
