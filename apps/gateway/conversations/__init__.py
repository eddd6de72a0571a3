"""`/api/chatgpt/v1/*`: conversations that are kept, for programs and for the pages of the dashboard."""
