"""Language models: what each provider's interface is, for calls that are answered while the caller waits."""
