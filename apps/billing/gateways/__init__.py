"""The wire to those who move money. No models, no database: what they say, in our words."""
