"""A scripted Midjourney bridge: the REST interface of the `midjourney-proxy` family, in memory, without Midjourney.

It answers at once, draws small real grids, counts what it was asked and misbehaves on request, for tests and for trying
the platform out. It is never part of the platform.

    python -m tests.bridge --port 9100      prints {"url": …}; any secret but "bad" is right

`POST /_knobs` changes how it behaves (tests/bridge/behaviour.py names the knobs), `GET /_seen` tells what came in.
"""
