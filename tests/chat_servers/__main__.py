from tests.chat_servers.server import ChatServer
from tests.upstream import command

command.main(
    lambda host, port: ChatServer(host=host, port=port),
    description="Stand-ins for model providers; POST /_knobs changes how they answer.",
)
