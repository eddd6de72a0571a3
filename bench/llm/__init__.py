"""The language-model gateway beside two others, between one client and one provider that answers at once."""
