"""Calls of language models; `settings` has the rest."""

from config import env

# What a provider has, in seconds: until the first piece of an answer, between two pieces, and for all of it.
LLM_FIRST_BYTE_SECONDS = env.number("LLM_FIRST_BYTE_SECONDS", default=300)
LLM_IDLE_SECONDS = env.number("LLM_IDLE_SECONDS", default=120)
LLM_TOTAL_SECONDS = env.number("LLM_TOTAL_SECONDS", default=1800)
# How long a stream that has used up its credits stands still, in case that more come in; then it ends.
LLM_GRACE_SECONDS = env.number("LLM_GRACE_SECONDS", default=3)
# So often a stream whose provider is silent sends a comment, so that nothing in between cuts it.
LLM_KEEP_ALIVE_SECONDS = env.number("LLM_KEEP_ALIVE_SECONDS", default=15)
# Largest request of /v1: pictures and sound may be in it.
LLM_MAX_BODY_BYTES = env.number("LLM_MAX_BODY_BYTES", default=32 * 1024 * 1024)
# How long a client may take to send its request.
LLM_BODY_SECONDS = env.number("LLM_BODY_SECONDS", default=60)
# A server that is asked about every prompt, in OpenAI's moderation shape; empty: nobody is asked. `REQUIRED`: what it
# does not answer for is not let through.
LLM_MODERATION_URL = env.text("LLM_MODERATION_URL", default="")
LLM_MODERATION_KEY = env.text("LLM_MODERATION_KEY", default="")
LLM_MODERATION_REQUIRED = env.flag("LLM_MODERATION_REQUIRED", default=True)

# Our own model server, as `./run up` starts it; empty: there is none.
LOCAL_MODELS_URL = env.text("LOCAL_MODELS_URL", default="")
LOCAL_MODELS_SOCKET = env.text("LOCAL_MODELS_SOCKET", default="")
