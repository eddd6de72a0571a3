"""Small stand-ins for providers of language and picture models: OpenAI's interface, Anthropic's and Google's, in one.

The path says which one is asked. They answer at once, count, and refuse on request in each provider's own way, for
tests and for trying the platform out. They are never part of the platform.

    python -m tests.chat_servers --port 9200      prints {"url": …}; any key but "bad" is right
"""
