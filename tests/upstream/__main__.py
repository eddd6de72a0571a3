from tests.upstream import command
from tests.upstream.provider import Provider

command.main(
    lambda host, port: Provider(host=host, port=port),
    description="A provider for tests that speaks the public contract; POST /_knobs changes how.",
)
