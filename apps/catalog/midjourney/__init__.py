"""What Midjourney's prompts mean: read as text, with no database and no network."""
