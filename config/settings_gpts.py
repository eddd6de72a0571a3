"""Kept conversations and assistants; `settings` has the rest."""

from config import env

# US$ of a conversation with its first answer, of each further one, of a file up or down. The first two are for models
# called gpt-…; others cost their tokens.
GPTS_CREATE_USD = env.text("GPTS_CREATE_USD", default="0.03")
GPTS_ROUND_USD = env.text("GPTS_ROUND_USD", default="0.01")
GPTS_FILE_USD = env.text("GPTS_FILE_USD", default="0.001")
# Of what was said and of files at most so many tokens go along with a question, and so many may be answered.
GPTS_CONTEXT_TOKENS = env.number("GPTS_CONTEXT_TOKENS", default=16_000)
GPTS_ANSWER_TOKENS = env.number("GPTS_ANSWER_TOKENS", default=4_096)
