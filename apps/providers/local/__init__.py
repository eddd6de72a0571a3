"""The local engine: models that run on this machine, with no network and no key.

Pure Python: it knows no Django, no queue, no database and no price. Everything
outside talks to `registry.run`; what comes back says which kind of engine made it.
"""
