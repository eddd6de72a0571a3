from tests.bridge.bridge import Bridge
from tests.upstream import command

command.main(
    lambda host, port: Bridge(host=host, port=port),
    description="A Midjourney bridge for tests; POST /_knobs changes how it behaves.",
)
