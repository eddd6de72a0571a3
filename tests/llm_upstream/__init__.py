"""An OpenAI-speaking server that does what the last message tells it to: right, wrong, slowly, or not at all."""
